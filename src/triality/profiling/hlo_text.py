"""The text of an optimized XLA program, taken apart: its computations, what they call, and how often their loops go round.

Only what a count of operations needs is read: names, opcodes, and the trip counts that XLA writes beside a loop whose end it knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

HEADER = re.compile(r"^(ENTRY\s+)?%?([^\s(]+)\s+\(.*\)\s*->.*\{\s*$")
OPCODE = re.compile(r"^\s*([\w\-]+)\(")
ONE_CALLED = re.compile(r"\b(to_apply|calls|condition|body|true_computation|false_computation)=%?([^\s,)}]+)")
SEVERAL_CALLED = re.compile(r"\b(branch_computations|called_computations)=\{([^}]*)\}")
TRIP_COUNT = re.compile(r'"known_trip_count":\s*\{\s*"n":\s*"?(\d+)"?')
METADATA = re.compile(r', metadata=\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}')


class Instruction(NamedTuple):
    """One line of a computation.

    Fields:
        opcode: such as ``dot``, ``fusion`` or ``while``.
        called: names of the computations that it calls, by the attribute that names them; several branches as ``branch 0``, ``branch 1``.
        trip_count: of a loop: how often its body runs, None where XLA does not know.
    """

    opcode: str
    called: Mapping[str, str]
    trip_count: int | None


class Computation(NamedTuple):
    """A named part of a program.

    Fields:
        name: its own.
        text: as XLA prints it, without ``ENTRY`` and without metadata.
        instructions: line by line.
    """

    name: str
    text: str
    instructions: tuple[Instruction, ...]


class Program(NamedTuple):
    """A program: its computations in the order of the text, callees first, and the name of the one that is run."""

    computations: Mapping[str, Computation]
    entry: str


def parse_program(text: str) -> Program:
    """Computations of a module as ``compiled.as_text()`` prints it.

    Raises:
        ValueError: there is no entry computation: another format than the one known here.

    Example:
        >>> program = parse_program('''HloModule f
        ...
        ... ENTRY %main (x: f32[2]) -> f32[2] {
        ...   %x = f32[2]{0} parameter(0)
        ...   ROOT %y = f32[2]{0} add(%x, %x)
        ... }
        ... ''')
        >>> program.entry, [each.opcode for each in program.computations["main"].instructions]
        ('main', ['parameter', 'add'])
    """
    computations: dict[str, Computation] = {}
    entry, name, lines = "", "", []
    for line in METADATA.sub("", text).splitlines():
        header = HEADER.match(line)
        if header is not None and not line.startswith(" "):
            name, lines = header.group(2), [line.removeprefix(header.group(1) or "")]
            entry = name if header.group(1) else entry
        elif name and line.startswith("}"):
            instructions = tuple(_instruction(each) for each in lines[1:] if " = " in each)
            computations[name] = Computation(name, "\n".join([*lines, "}"]), instructions)
            name = ""
        elif name:
            lines.append(line)
    if not entry:
        raise ValueError("expected the text of an XLA program with an ENTRY computation, got none; this version of jax prints another form")
    return Program(computations, entry)


def _instruction(line: str) -> Instruction:
    opcode = OPCODE.match(_after_type(line.split(" = ", 1)[1]))
    called = {kind: name for kind, name in ONE_CALLED.findall(line)}
    for kind, names in SEVERAL_CALLED.findall(line):
        word = "branch" if kind == "branch_computations" else "called"
        called |= {f"{word} {place}": name.strip().removeprefix("%") for place, name in enumerate(names.split(",")) if name.strip()}
    trips = TRIP_COUNT.search(line)
    return Instruction("" if opcode is None else opcode.group(1), called, None if trips is None else int(trips.group(1)))


def _after_type(text: str) -> str:
    """What follows the type of the result, which of a tuple stands in brackets of its own."""
    if not text.startswith("("):
        return text.split(" ", 1)[-1]
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[place + 1 :]
    return ""


def reachable(program: Program, name: str) -> tuple[Computation, ...]:
    """A computation and all that it calls, in the order of the text: a program of its own, once one of them is marked as entry."""
    wanted, waiting = set(), [name]
    while waiting:
        each = waiting.pop()
        if each not in wanted and each in program.computations:
            wanted.add(each)
            waiting += [called for one in program.computations[each].instructions for called in one.called.values()]
    return tuple(computation for key, computation in program.computations.items() if key in wanted)

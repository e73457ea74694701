"""``--sweep``: options that take several values, and the points that come of it. Imports no jax."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import tyro

from triality.cli.names import nearest
from triality.cli.ranges import flag, refuse
from triality.errors import ConfigError

Sweep = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="OPTION=VALUE,VALUE,...", help_behavior_hint="(default: none; may be repeated)"),
]
MOST_POINTS = 256
"""Every point leaves a folder, and is judged by itself."""
LONGEST_NAME = 200
"""Of a point's folder; file systems take no more than 255 bytes."""
NOT_SWEPT = ("out", "overwrite", "kept", "placed", "track", "sweep")


class Point(NamedTuple):
    """One setting of a sweep.

    Fields:
        name: of its folder, the values of what is swept.
        values: of what is swept, by option.
        options: of the run that it is, written to its folder below that of the sweep.
    """

    name: str
    values: Mapping[str, float]
    options: Any


def points_of(options: Any) -> tuple[Point, ...]:
    """The cross product of what ``options.sweep`` lists, the last option varying fastest.

    Raises:
        ConfigError: no such option, one that is no number, or a value that is none. All problems are listed together.

    Example:
        >>> from triality.cli.options import EbmOptions
        >>> from pathlib import Path
        >>> asked = EbmOptions(Path("runs"), sweep=("weight-decay=0,0.1", "energy_learning_rate=1e-3"))
        >>> [(point.name, point.options.weight_decay, str(point.options.out)) for point in points_of(asked)][1:]
        [('weight_decay=0.1,energy_learning_rate=0.001', 0.1, 'runs/weight_decay=0.1,energy_learning_rate=0.001')]
    """
    swept = swept_values(options)
    if options.placed.is_several:
        raise ConfigError(
            "expected one device with --sweep, got --devices or --distributed: its points are one program on one device; leave them out or "
            "start a run for each value"
        )
    combinations = [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]
    if len(combinations) > MOST_POINTS:
        raise ConfigError(f"expected at most {MOST_POINTS} points of a sweep, got {len(combinations)}; list fewer values")
    named = {name_of(values): values for values in combinations}
    if len(named) < len(combinations):
        raise ConfigError("expected values of a sweep that differ in their first twelve digits, got some that do not; list others")
    if max(map(len, named)) > LONGEST_NAME:
        longest = max(named, key=len)
        raise ConfigError(f"expected folder names of at most {LONGEST_NAME} characters, got '{longest}'; sweep fewer options at once")
    return tuple(Point(name, values, replace(options, **values, sweep=(), out=options.out / name)) for name, values in named.items())


def swept_values(options: Any) -> dict[str, tuple[float, ...]]:
    """The values of every swept option, in the order of the command line.

    Raises:
        ConfigError: as ``points_of``.
    """
    swept: dict[str, tuple[float, ...]] = {}
    problems: list[str] = []
    numbers = number_options(type(options))
    for given in options.sweep:
        name, separator, listed = given.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not separator or not name:
            problems.append(f"expected --sweep OPTION=VALUE,VALUE, got '{given}'; as in --sweep {_example(numbers)}=0.001,0.01")
            continue
        unfit = (_name_problems(name, numbers, options) or _given_twice(name, options)) + (
            [f"expected each option in one --sweep, got {name} twice"] * (name in swept)
        )
        problems += unfit
        values, wrong = ((), []) if unfit else _numbers(listed)
        problems += [f"expected numbers in --sweep {name}, got '{each}'; separate them by commas" for each in wrong]
        if len(set(values)) < len(values):
            problems.append(f"expected different values in --sweep {name}, got {listed}; list each once")
        swept[name] = values
    refuse(problems)
    return swept


def number_options(kind: type) -> tuple[str, ...]:
    """Options that are any number: what a sweep may name. Counts are not among them: another count is another program.

    Example:
        >>> from triality.cli.options import EbmOptions
        >>> [name for name in number_options(EbmOptions) if name.endswith("rate")]
        ['generator_learning_rate', 'energy_learning_rate', 'sampler_learning_rate']
    """
    assert is_dataclass(kind), "options are dataclasses"
    hints = get_type_hints(kind)
    return tuple(each.name for each in fields(kind) if each.name not in NOT_SWEPT and _is_number(hints[each.name]))


def name_of(values: Mapping[str, float]) -> str:
    """Of a point's folder.

    Example:
        >>> name_of({"cost_learning_rate": 1e-4, "temperature": 2.0})
        'cost_learning_rate=0.0001,temperature=2'
    """
    return ",".join(f"{name}={value:.12g}" for name, value in values.items())


def _example(numbers: Sequence[str]) -> str:
    """An option that every run of the command has: a learning rate."""
    return next(name for name in numbers if name.endswith("learning_rate"))


def _is_number(hint: Any) -> bool:
    return hint is float or (get_origin(hint) in (Union, UnionType) and float in get_args(hint))


def _name_problems(name: str, numbers: Sequence[str], options: Any) -> list[str]:
    if name in numbers:
        return []
    known = {each.name for each in fields(options)} - {*NOT_SWEPT}
    if name in known:
        return [
            f"expected --sweep of an option that is a number, got {flag(name)}: with another one the program is another; start a run each. "
            f"Numbers are {', '.join(numbers)}"
        ]
    return [f"expected --sweep of an option, got '{name}'; {nearest(name, numbers)}"]


def _given_twice(name: str, options: Any) -> list[str]:
    """Of an option that has a value of its own beside the swept ones, which would be lost."""
    usual = {each.name: each.default for each in fields(options)}
    if name not in usual or getattr(options, name) == usual[name]:
        return []
    return [f"expected {flag(name)} or --sweep {name}, got both; leave the first out, its values are the swept ones"]


def _numbers(listed: str) -> tuple[tuple[float, ...], list[str]]:
    """The values, and what is none."""
    values, wrong = [], []
    for text in listed.split(","):
        try:
            value = float(text)
        except ValueError:
            wrong.append(text)
            continue
        if math.isfinite(value):
            values.append(value)
        else:
            wrong.append(text)
    return tuple(values), wrong

"""What a compiled program does: operations and bytes by XLA's own cost analysis, with the bodies of loops counted as often as they run.

XLA counts the body of a loop once, whatever its length: a scan of 200 steps looks as cheap as one step. Here every body that a loop runs n
times is given to the same cost analysis as a program of its own, and counts n times:

    total(c) = once(c) + sum over loops in c of [(n - 1) once(body) + n (total(body) - once(body))]

Of a branch the dearest counts, as with XLA. A loop whose end XLA does not know, such as one that runs until it converges, counts one round,
and ``unknown_loops`` says how many there are: the count is then a lower bound.

What is counted: ``operations`` are additions, multiplications and all else that is done element by element, integers included (random
bits are many); a matrix product of (m, k) and (k, n) is 2 m k n. ``transcendentals``, exponentials and their like, XLA counts apart.
``bytes`` are those of the operands and results of every kernel, wherever they lie: what the last one wrote, the next finds in a cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxlib import xla_client

from triality.errors import ConfigError
from triality.profiling.hlo_text import Instruction, Program, parse_program, reachable

HLO: Any = xla_client.hlo  # pyright: ignore[reportPrivateImportUsage]
ANALYSIS: Any = xla_client._xla.hlo_module_cost_analysis  # pyright: ignore[reportPrivateImportUsage]
"""Of a program in memory; ``cost_analysis`` of a compiled one can be asked of the whole alone."""
NO_KERNEL = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "call", "conditional", "after-all", "")
"""Opcodes that run nothing themselves."""
INLINED = ("while", "call", "conditional", "async-start")
"""Opcodes whose computations run as they stand; those of a fusion or a reduction are one kernel."""


class OperationCount(NamedTuple):
    """Of one call of a program.

    Fields:
        operations: arithmetic of all kinds, matrix products included.
        transcendentals: exponentials, logarithms, tanh and their like.
        bytes: read and written by all kernels.
        kernels: fused loops, matrix products and other single pieces of work that were started.
        unknown_loops: loops counted once because nobody knows their length beforehand.
    """

    operations: float
    transcendentals: float
    bytes: float
    kernels: float
    unknown_loops: int = 0


def count_operations(compiled: Any) -> OperationCount:
    """What one call of ``jax.jit(f).lower(...).compile()`` does.

    Raises:
        ConfigError: this version of jax has another form of programs, or no cost analysis of a part of one.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> def chain(x):
        ...     return jax.lax.scan(lambda y, _: (y @ x, None), x, None, length=50)[0]
        >>> compiled = jax.jit(chain).lower(jnp.ones((32, 32), jnp.float32)).compile()
        >>> bool(count_operations(compiled).operations >= 50 * 2 * 32**3 > 10 * compiled.cost_analysis()["flops"])
        True
    """
    try:
        counters = [_Counter(parse_program(module.to_string())) for module in compiled.runtime_executable().hlo_modules()]
        amounts = sum((each.total() for each in counters), np.zeros(4))
    except (AttributeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"expected a compiled program whose parts XLA can analyze, got '{error}' from jax {jax.__version__}; use the version of jax "
            "that constraints.txt names"
        ) from error
    operations, transcendentals, num_bytes, kernels = amounts.tolist()
    return OperationCount(operations, transcendentals, num_bytes, kernels, sum(each.unknown_loops() for each in counters))


class _Counter:
    """Amounts (operations, transcendentals, bytes, kernels) of the computations of one program, each asked for once."""

    def __init__(self, program: Program):
        self.program = program
        self._once: dict[str, np.ndarray] = {}
        self._extra: dict[str, np.ndarray] = {}

    def total(self) -> np.ndarray:
        return self.once(self.program.entry) + self.extra(self.program.entry)

    def unknown_loops(self) -> int:
        lines = [each for part in reachable(self.program, self.program.entry) for each in part.instructions]
        return sum(each.opcode == "while" and each.trip_count is None for each in lines)

    def once(self, name: str) -> np.ndarray:
        """XLA's own count, every loop going round once."""
        if name not in self._once:
            parts = reachable(self.program, name)
            text = "\n\n".join(["HloModule part", *(("ENTRY " if part.name == name else "") + part.text for part in parts)])
            found = ANALYSIS(jax.devices()[0].client, HLO.hlo_module_from_text(text))
            sizes = [float(found.get(key, 0.0)) for key in ("flops", "transcendentals", "bytes accessed")]
            self._once[name] = np.array([*sizes, self.kernels(name)])
        return self._once[name]

    def kernels(self, name: str) -> int:
        """Started by one run, every loop going round once."""
        found = 0
        for each in self.program.computations[name].instructions:
            found += each.opcode not in NO_KERNEL
            found += sum(map(self.kernels, each.called.values())) if each.opcode in INLINED else 0
        return found

    def extra(self, name: str) -> np.ndarray:
        """What the further rounds of all loops add to ``once``."""
        if name not in self._extra:
            parts = (self._extra_of(each) for each in self.program.computations[name].instructions if each.opcode in INLINED)
            self._extra[name] = sum(parts, np.zeros(4))
        return self._extra[name]

    def _extra_of(self, instruction: Instruction) -> np.ndarray:
        within = [self.extra(name) for name in instruction.called.values()]
        if instruction.opcode == "conditional":
            return np.max(within, axis=0)
        if instruction.opcode != "while" or instruction.trip_count is None:
            return sum(within, np.zeros(4))
        rounds, of_one_round = instruction.trip_count, sum(map(self.once, instruction.called.values()), np.zeros(4))
        return (rounds - 1) * of_one_round + rounds * sum(within, np.zeros(4))

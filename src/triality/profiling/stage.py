"""One stage of a run, compiled alone on the state that the run is in: how long it takes, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax

from triality.profiling.operation_count import OperationCount, count_operations
from triality.profiling.repeats import Repeats, timed

Per = Literal["step", "within", "chunk", "run"]


class StageRecord(NamedTuple):
    """What was measured of a stage.

    Fields:
        name: in words.
        per: how often it comes: in every step, within another stage of a step, after every chunk of them, or once a run.
        times: how many times each of these.
        seconds: of the repeats, of one time.
        count: what one time does; None for what is no compiled program.
        working_set: bytes of arguments, results and what lies between; None as well.
    """

    name: str
    per: Per
    times: int
    seconds: Repeats
    count: OperationCount | None = None
    working_set: float | None = None

    @property
    def median(self) -> float:
        """Seconds of all its times."""
        return self.times * self.seconds.median


def profile_stage(
    name: str, function: Callable[..., Any], *arguments: Any, num_repeats: int, per: Per = "step", times: int = 1
) -> tuple[StageRecord, Any]:
    """The record of ``function(*arguments)``, and what it gives: the real input of the next stage.

    Args:
        name: of the stage, in words.
        function: pure; compiled here.
        arguments: pytrees; what is no array in them is fixed.
        num_repeats: timed calls.
        per: how often the stage comes.
        times: how many times each of these.

    Example:
        >>> import jax.numpy as jnp
        >>> record, out = profile_stage("double", lambda x, word: (2 * x, word), jnp.ones(3), "kept", num_repeats=2)
        >>> record.name, len(record.seconds.seconds), record.count.operations, out[0].tolist(), out[1]
        ('double', 2, 3.0, [2.0, 2.0, 2.0], 'kept')
    """
    arrays, fixed = eqx.partition(arguments, eqx.is_array)
    kept: list[Any] = []

    def of_arrays(arrays: Any) -> Any:
        dynamic, static = eqx.partition(function(*eqx.combine(arrays, fixed)), eqx.is_array)
        kept.append(static)
        return dynamic

    compiled = jax.jit(of_arrays).lower(arrays).compile()
    seconds = timed(lambda: compiled(arrays), num_repeats)
    record = StageRecord(name, per, times, seconds, count_operations(compiled), working_set(compiled))
    return record, eqx.combine(compiled(arrays), kept[-1])


def working_set(compiled: Any) -> float:
    """Bytes that a compiled program has in memory while it runs: arguments, results, and what lies between; shared ones once."""
    memory = compiled.memory_analysis()
    return float(memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes - memory.alias_size_in_bytes)


def profile_host(name: str, call: Callable[[], Any], num_repeats: int, per: Per) -> StageRecord:
    """The record of something that is no compiled program, such as an evaluation in a simulator."""
    return StageRecord(name, per, 1, timed(call, num_repeats))

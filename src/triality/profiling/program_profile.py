"""A compiled program of a run, taken apart: its stages beside the whole step, the chunk that really runs, and what compiling it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from triality.profiling.compilations import Compilations
from triality.profiling.compile_cost import CompileCost, compile_cost
from triality.profiling.repeats import Repeats
from triality.profiling.stage import StageRecord


class ChunkRun(NamedTuple):
    """A few chunks of a run, as the command runs them.

    Fields:
        num_steps: of one chunk.
        first_seconds: of the first chunk, which compiles or reads what is compiled.
        seconds: of one step within each later chunk.
        recompiled: programs that were compiled after the first chunk; none where all is well.
        compile: what compiling the chunk costs.
    """

    num_steps: int
    first_seconds: float
    seconds: Repeats
    recompiled: tuple[str, ...]
    compile: CompileCost


class ProgramProfile(NamedTuple):
    """What was measured of a program.

    Fields:
        name: such as ``irl``, or ``ebm, likelihood``.
        setting: what it was measured with, for people.
        stages: in the order in which they come; those of a step first.
        whole: one step, compiled alone; None on the host, where nothing is one program.
        chunk: None on the host as well.
    """

    name: str
    setting: dict[str, Any]
    stages: tuple[StageRecord, ...]
    whole: StageRecord | None = None
    chunk: ChunkRun | None = None

    @property
    def step_stages(self) -> tuple[StageRecord, ...]:
        """Those that come in every step."""
        return tuple(stage for stage in self.stages if stage.per == "step")

    @property
    def processor_share(self) -> float | None:
        """Of the time of the chunks, or of the whole step where there are none: whether the machine was busy with something else."""
        timed = self.chunk.seconds if self.chunk is not None else None if self.whole is None else self.whole.seconds
        return None if timed is None else timed.processor_share

    @property
    def sum(self) -> float:
        """Seconds of all stages of a step together."""
        return sum(stage.median for stage in self.step_stages)


def run_chunks(program: Any, algorithm: Any, state: Any, num_steps: int, num_chunks: int) -> tuple[Any, ChunkRun]:
    """The state after ``num_chunks`` chunks, and what was seen on the way.

    Args:
        program: compiled when it is called, ``(algorithm, state) -> (state, metrics)``, as ``triality.run.over_seeds`` gives it.
        algorithm: what it runs.
        state: where to begin.
        num_steps: that one chunk makes.
        num_chunks: at least two.

    Example:
        >>> import equinox as eqx, jax.numpy as jnp
        >>> halving = eqx.filter_jit(lambda rate, x: (rate * x, x))
        >>> state, seen = run_chunks(halving, jnp.array(0.5), jnp.array(8.0), 1, 3)
        >>> float(state), seen.recompiled, len(seen.seconds.seconds)
        (1.0, (), 2)
    """
    cost = compile_cost(lambda: program.lower(algorithm, state))
    begin = time.perf_counter()
    state, _ = jax.block_until_ready(program(algorithm, state))
    first, later = time.perf_counter() - begin, []
    processor = time.process_time()
    with Compilations() as seen:
        for _ in range(num_chunks - 1):
            begin = time.perf_counter()
            state, _ = jax.block_until_ready(program(algorithm, state))
            later.append(time.perf_counter() - begin)
    share = (time.process_time() - processor) / sum(later)
    return state, ChunkRun(num_steps, first, Repeats(tuple(later), share).each(num_steps), tuple(seen.programs), cost)


StagesOf = Callable[[Any, Any, int], tuple[tuple[StageRecord, ...], StageRecord]]
"""(algorithm, states, repeats) to the stages of a step, and the whole step."""

"""A stage of learning from data, as ``triality.algorithms.stages`` runs it: chunks of one compiled program, and what lies between them."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from triality.algorithms.guarded import Guarded
from triality.profiling.program_profile import ProgramProfile, StagesOf, run_chunks
from triality.run import run


def profile_learning(
    name: str, setting: dict[str, Any], learning: Any, state: Any, num_steps: int, num_chunks: int, num_repeats: int, stages_of: StagesOf
) -> tuple[ProgramProfile, Any]:
    """The profile of a learning's program, and the state after its chunks.

    Args:
        name: of the program.
        setting: what it is measured with, for people.
        learning: anything with a ``step``; guarded as in a run.
        state: where it begins.
        num_steps: of a chunk.
        num_chunks: that are run.
        num_repeats: timed calls of each stage.
        stages_of: takes a step apart.
    """
    guarded = Guarded(learning)
    program = eqx.filter_jit(lambda learning, state: run(learning, state, 1, num_steps)[:2])
    going, chunk = run_chunks(program, guarded, guarded.init(state), num_steps, num_chunks)
    stages, whole = stages_of(learning, going.state, num_repeats)
    return ProgramProfile(name, setting, stages, whole, chunk), going.state

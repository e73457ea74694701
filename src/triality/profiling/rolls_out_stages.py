"""An iteration of any other algorithm of trajectories: roll-outs and one update; of cloning the step alone."""

from __future__ import annotations

from typing import Any

import jax

from triality.profiling.seeds import of_seeds
from triality.profiling.stage import StageRecord, profile_stage


def rolls_out_stages(algorithm: Any, states: Any, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """Collect and update, and the iteration as a whole, on the states of all seeds.

    Args:
        algorithm: with ``collect``, ``update`` and ``step``, as ``FIrl``, ``SoftQImitation`` and ``Dagger`` have them.
        states: leading axis of seeds.
        num_repeats: timed calls of each.
    """

    def collect(algorithm: Any, state: Any) -> Any:
        return algorithm.collect(jax.random.fold_in(state.key, 0), state)

    collecting, batch = profile_stage("collect", of_seeds(collect), algorithm, states, num_repeats=num_repeats)
    update = of_seeds(lambda algorithm, state, batch: algorithm.update(state, batch))
    updating, _ = profile_stage("update", update, algorithm, states, batch, num_repeats=num_repeats)
    return (collecting, updating), whole_step(algorithm, states, num_repeats)


def single_stage(algorithm: Any, states: Any, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """Where a step is one thing, as of cloning: the step is the only stage. Arguments as ``rolls_out_stages``."""
    whole = whole_step(algorithm, states, num_repeats)
    return (whole._replace(name="gradient step"),), whole


def whole_step(algorithm: Any, states: Any, num_repeats: int) -> StageRecord:
    """One step of all seeds, compiled alone. Arguments as ``rolls_out_stages``."""
    step = of_seeds(lambda algorithm, state: algorithm.step(state))
    return profile_stage("whole step", step, algorithm, states, num_repeats=num_repeats)[0]

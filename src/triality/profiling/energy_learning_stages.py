"""A step of ``EnergyLearning`` in its stages: draws with both densities, the energy's step, the generator's."""

from __future__ import annotations

from typing import Any

import jax

from triality.algorithms.energy_learning import EnergyLearning, EnergyState
from triality.profiling.stage import StageRecord, profile_stage


def energy_learning_stages(learning: EnergyLearning, state: EnergyState, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """The stages of one step, and the step as a whole; of one seed, as the commands run them.

    Args:
        learning: the energy and the generator by turns.
        state: where the run is.
        num_repeats: timed calls of each.
    """
    keys = jax.random.split(state.key, 5)
    memory, times = (state.density, state.density_optimizer, state.log_z_memory), learning.num_energy_steps

    def compare(learning: EnergyLearning, keys: Any, sampler: Any) -> Any:
        return learning.compared(keys[0], keys[1], sampler)

    def improve_energy(learning: EnergyLearning, key: Any, memory: Any, data: Any, drawn: Any) -> Any:
        return learning.improved_energy(key, memory, data, drawn)[0]

    def improve_sampler(learning: EnergyLearning, keys: Any, state: EnergyState, density: Any) -> Any:
        return learning.improved_sampler(keys[3], keys[4], state, density)

    comparing, sides = profile_stage("collect", compare, learning, keys, state.sampler, num_repeats=num_repeats, times=times)
    costing, after = profile_stage("energy update", improve_energy, learning, keys[2], memory, *sides, num_repeats=num_repeats, times=times)
    following, _ = profile_stage("generator update", improve_sampler, learning, keys, state, after[0], num_repeats=num_repeats)
    return (comparing, costing, following), step_of(learning, state, num_repeats)


def one_stage(learning: Any, state: Any, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """Of an algorithm whose step is one gradient step, as ``LikelihoodLearning`` and ``TiltLearning``: that step. Arguments as above."""
    whole = step_of(learning, state, num_repeats)
    return (whole._replace(name="gradient step"),), whole


def step_of(learning: Any, state: Any, num_repeats: int) -> StageRecord:
    """One step, compiled alone. Arguments as above."""
    return profile_stage("whole step", lambda learning, state: learning.step(state), learning, state, num_repeats=num_repeats)[0]

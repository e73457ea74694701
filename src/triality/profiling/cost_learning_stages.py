"""An iteration of ``CostLearning`` in its stages: roll-outs, densities of past samplers, cost steps, policy update."""

from __future__ import annotations

from typing import Any

import jax

from triality.algorithms.cost_learning import CostLearning
from triality.profiling.rolls_out_stages import whole_step
from triality.profiling.seeds import of_seeds
from triality.profiling.stage import StageRecord, profile_stage


def cost_learning_stages(algorithm: CostLearning, states: Any, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """The stages of one iteration, and the iteration as a whole, on the states of all seeds.

    What an iteration takes beyond its stages are metrics, the scaling, and what the compiler can no longer share between them.

    Args:
        algorithm: GAN-GCL, guided cost learning, AIRL or GAIL; one whose roll-outs are compiled.
        states: leading axis of seeds.
        num_repeats: timed calls of each.
    """

    def collect(algorithm: CostLearning, state: Any) -> Any:
        return algorithm.collect(_key(state, 0), state)

    collecting, batch = profile_stage("collect", of_seeds(collect), algorithm, states, num_repeats=num_repeats)
    return (collecting, *_update_parts(algorithm, states, batch, num_repeats)), whole_step(algorithm, states, num_repeats)


def update_stages(algorithm: CostLearning, states: Any, batch: Any, num_repeats: int) -> tuple[tuple[StageRecord, ...], StageRecord]:
    """The stages of an update with roll-outs that are there, and the update as a whole: what a run on the host compiles.

    Args:
        algorithm, states, num_repeats: as of ``cost_learning_stages``.
        batch: the roll-outs of all seeds, leading axis of seeds.
    """
    update = of_seeds(lambda algorithm, state, batch: algorithm.update(state, batch))
    whole, _ = profile_stage("whole update", update, algorithm, states, batch, num_repeats=num_repeats)
    return _update_parts(algorithm, states, batch, num_repeats), whole


def _update_parts(algorithm: CostLearning, states: Any, batch: Any, num_repeats: int) -> tuple[StageRecord, ...]:

    def compare(algorithm: CostLearning, state: Any, batch: Any) -> Any:
        return algorithm.compared(state, batch)

    def improve_cost(algorithm: CostLearning, state: Any, batch: Any, data: Any, drawn: Any) -> Any:
        return algorithm.improved_cost(_key(state, 1), state, batch, data, drawn)[0]

    def improve_policy(algorithm: CostLearning, state: Any, batch: Any, cost: Any) -> Any:
        return algorithm.improved_policy(_key(state, 2), state, batch, cost)

    comparing, (_, data, drawn) = profile_stage("densities", of_seeds(compare), algorithm, states, batch, num_repeats=num_repeats)
    costing, cost = profile_stage("cost update", of_seeds(improve_cost), algorithm, states, batch, data, drawn, num_repeats=num_repeats)
    acting, _ = profile_stage("policy update", of_seeds(improve_policy), algorithm, states, batch, cost, num_repeats=num_repeats)
    return comparing, costing, acting


def _key(state: Any, number: int) -> Any:
    return jax.random.fold_in(state.key, number)

"""Fresh roll-outs that costs are judged over, and costs of many steps at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from triality.cli.names import Task, make_environment, make_simulators
from triality.energies.step_cost import EnvironmentCost
from triality.envs.environment import AbstractEnvironment
from triality.errors import DataError, NonFiniteError
from triality.judging.steps import BatchCost, Steps
from triality.policies.uniform import UniformPolicy
from triality.trajectory import Policy, StepCost, Trajectory, rollout

CHUNK = 16_384
"""Pairs that one compiled call takes; the last chunk is filled up, so that there is one program."""


class Covered(NamedTuple):
    """What the judgement averages over.

    Fields:
        steps: of all roll-outs, those of the learned policies first.
        num_learned: how many of the steps are of learned policies.
    """

    steps: Steps
    num_learned: int


def covered(task: Task, policies: Policy, num_seeds: int, episodes: int, seed: int) -> Covered:
    """Roll-outs of every seed's policy and of random actions, in the environment itself, with its rewards.

    Raises:
        SimulatorError: the environment failed.
        DataError: every observation is the same.
    """
    learned = [jax.tree.map(lambda leaf, i=index: leaf[i], policies) for index in range(num_seeds)]
    keys = jax.random.split(jax.random.key(seed), num_seeds + 1)
    collect = _on_host if task.on_host else _compiled
    batches = collect(task, [*learned, UniformPolicy(task.spec)], keys, episodes)
    steps = Steps.of(batches)
    if not np.any(np.std(steps.observation, axis=0) > 0):
        raise DataError("expected steps that differ, got the same observation at each; check the environment")
    return Covered(steps, int(sum(np.sum(np.asarray(batch.mask)) for batch in batches[:-1])))


def batch_cost(cost: StepCost) -> BatchCost:
    """c(x, u) for many pairs at once, in float64; x' is not looked at.

    Raises:
        NonFiniteError: when it is called, and the cost is NaN or infinite somewhere.

    Example:
        >>> batch_cost(lambda x, u: x[0] + u)(np.ones((3, 1)), np.arange(3), np.ones((3, 1))).tolist()
        [1.0, 2.0, 3.0]
    """

    def of(observation: np.ndarray, action: np.ndarray, after: np.ndarray) -> np.ndarray:
        del after
        values = _in_chunks(cost, observation, action)
        if not np.all(np.isfinite(values)):
            raise NonFiniteError("expected a finite cost, got NaN or infinity over the roll-outs; learn it again with a lower step")
        return values

    return of


def true_cost(task: Task) -> BatchCost | None:
    """Minus the environment's reward of any pair; None where it can only be had along roll-outs, as in simulators on the host."""
    if task.on_host:
        return None
    environment = make_environment(task)
    inner: Any = getattr(environment, "env", environment)
    if type(inner).state_from_observation is AbstractEnvironment.state_from_observation:
        return None
    return batch_cost(EnvironmentCost(environment))


@eqx.filter_jit
def _many(cost: StepCost, observation: Any, action: Any) -> Any:
    return jax.vmap(cost)(observation, action)


def _in_chunks(cost: StepCost, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    size, found = min(CHUNK, 1 << (len(observation) - 1).bit_length()), []
    for first in range(0, len(observation), size):
        place = np.minimum(np.arange(first, first + size), len(observation) - 1)
        seen = np.asarray(observation[place], jax.numpy.zeros(()).dtype)
        taken = action[place] if np.issubdtype(action.dtype, np.integer) else np.asarray(action[place], seen.dtype)
        found.append(np.asarray(_many(cost, seen, taken), np.float64))
    return np.concatenate(found)[: len(observation)]


def _compiled(task: Task, policies: list[Policy], keys: jax.Array, episodes: int) -> list[Trajectory]:
    environment, horizon = make_environment(task), task.bare.time_limit
    return [_rolled_out(environment, policy, horizon, jax.random.split(key, episodes)) for policy, key in zip(policies, keys, strict=True)]


@eqx.filter_jit
def _rolled_out(environment: AbstractEnvironment, policy: Policy, horizon: int, keys: jax.Array) -> Trajectory:
    return jax.vmap(lambda key: rollout(key, environment, policy, horizon))(keys)


def _on_host(task: Task, policies: list[Policy], keys: jax.Array, episodes: int) -> list[Trajectory]:
    from triality.simulators.collector import Collector
    from triality.simulators.endings import Absorbed, Padded

    collector = Collector(make_simulators(task, episodes), ending=Absorbed() if task.is_absorbing else Padded())
    try:
        return [collector.collect(key, policy, episodes) for policy, key in zip(policies, keys, strict=True)]
    finally:
        collector.close()

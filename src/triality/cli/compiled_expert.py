"""``triality expert`` in a compiled environment: soft policy optimization of its own reward, and demonstrations by sampled actions."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from triality.algorithms.policy_training import PolicyTraining
from triality.cli.expert_policy import SeesNoIndicator
from triality.cli.names import Task, make_environment
from triality.cli.options import LEFT, ExpertOptions
from triality.cli.training import train_policies
from triality.energies.step_cost import EnvironmentCost
from triality.runs.keeper import Keeper
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, rollout
from triality.updates.ppo import PPO

NUM_ROLLOUTS = 64
"""Of a round, unless told."""


class Expert(NamedTuple):
    """Who demonstrates.

    Fields:
        policy: the expert.
        spec: as it sees the environment, with the absorbing indicator where it learned with one.
    """

    policy: Policy
    spec: EnvironmentSpec


class Recorded(NamedTuple):
    """What an expert demonstrated.

    Fields:
        columns: arrays of demonstrations by the names of the file format.
        meta: what else to keep with them.
    """

    columns: dict[str, Any]
    meta: dict[str, Any]


def train(task: Task, options: ExpertOptions, console: Console, remedy: str, keeper: Keeper) -> Expert:
    """A new expert.

    Raises:
        NonFiniteError: the policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    environment = make_environment(task)
    rule = PPO(
        learning_rate=options.policy_learning_rate, temperature=options.temperature, gamma=options.discount, gae_lambda=options.gae_lambda
    )
    num_rollouts = NUM_ROLLOUTS if options.num_rollouts == LEFT else options.num_rollouts
    training = PolicyTraining(environment, task.bare.time_limit, rule, num_rollouts)
    cost = EnvironmentCost(environment)
    first = jax.jit(jax.vmap(lambda key: training.init(key, cost)))(jax.random.split(jax.random.key(options.seed), 1))
    state = jax.tree.map(lambda leaf: leaf[0], train_policies(training, first, options.iterations, console, remedy, keeper))
    return Expert(state.policy, task.spec)


def record(task: Task, options: ExpertOptions, console: Console, expert: Expert) -> Recorded:
    """Demonstrations of an expert."""
    environment = make_environment(task)
    policy = SeesNoIndicator(expert.policy) if task.is_absorbing and expert.spec is task.bare else expert.policy
    keys = jax.random.split(jax.random.fold_in(jax.random.key(options.seed), 1), options.num_episodes)
    draw = jax.jit(jax.vmap(lambda key: rollout(key, environment, policy, task.bare.time_limit)))
    batch = jax.tree.map(np.asarray, draw(keys))
    real = batch.mask if not task.is_absorbing else batch.observation[:, :-1, -1] < 0.5
    size = task.bare.observation_size
    ended = batch.terminated if not task.is_absorbing else real & (batch.observation[:, 1:, -1] > 0.5)
    last = np.cumsum(real, axis=1) == real.sum(axis=1, keepdims=True)
    columns = {
        "observations": batch.observation[:, :-1, :size][real],
        "actions": batch.action[real],
        "lengths": real.sum(axis=1),
        "rewards": batch.reward[real],
        "log_prob": batch.log_prob[real],
        "terminated": ended[real],
        "truncated": (last & ~ended)[real],
    }
    return Recorded(columns, {})

"""``triality retrain`` in a compiled environment: fresh policies for the learned costs, all seeds in one program."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from rich.console import Console

from triality.algorithms.cost_learning import State
from triality.algorithms.policy_training import PolicyTraining
from triality.cli.experiment import policy_maker
from triality.cli.names import make_environment
from triality.cli.options import RetrainOptions
from triality.cli.stored import StoredRun
from triality.cli.training import train_policies
from triality.runs.keeper import Keeper
from triality.trajectory import Policy
from triality.updates.ppo import PPO


def retrained(stored: StoredRun, states: State, asked: RetrainOptions, console: Console, remedy: str, keeper: Keeper) -> Policy:
    """The fresh policies of all seeds, stacked, each trained on the cost of its seed alone.

    Raises:
        NonFiniteError: a policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    options, task = stored.options, stored.task
    rule = PPO(learning_rate=options.policy_learning_rate, temperature=options.temperature)
    training = PolicyTraining(make_environment(task), task.bare.time_limit, rule, make_policy=policy_maker(options, task))
    keys = jax.vmap(jax.random.key)(asked.seed + jnp.arange(options.seeds))
    first = jax.jit(jax.vmap(training.init))(keys, states.cost, states.scaling)
    return train_policies(training, first, asked.iterations, console, remedy, keeper).policy

"""``triality expert``: a soft-optimal expert for the true reward, and its demonstrations with their log-probabilities."""

from __future__ import annotations

from rich.console import Console

from triality.cli import ranges
from triality.cli.names import Task, find_task, make_environment
from triality.cli.options import ExpertOptions
from triality.cli.outputs import check_file
from triality.cli.ranges import refuse
from triality.errors import ConfigError

REMEDY = "lower --policy-learning-rate"


def run(options: ExpertOptions) -> int:
    """Train, record, report; returns the exit code."""
    task = _check(options)
    import jax
    import numpy as np

    from triality.algorithms.policy_training import PolicyTraining
    from triality.cli.tables import print_returns
    from triality.cli.training import train_policies
    from triality.data.demonstration_file import write_demonstrations
    from triality.data.demonstrations import Demonstrations
    from triality.energies.step_cost import EnvironmentCost
    from triality.trajectory import rollout
    from triality.updates.ppo import PPO

    console = Console()
    horizon = task.bare.time_limit
    environment = make_environment(task)
    training = PolicyTraining(environment, horizon, PPO(learning_rate=options.policy_learning_rate, temperature=options.temperature))
    cost = EnvironmentCost(environment)
    first = jax.jit(jax.vmap(lambda key: training.init(key, cost)))(jax.random.split(jax.random.key(options.seed), 1))
    state = jax.tree.map(lambda leaf: leaf[0], train_policies(training, first, options.iterations, console, REMEDY))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(options.seed), 1), options.num_episodes)
    draw = jax.jit(jax.vmap(lambda key: rollout(key, environment, state.policy, horizon)))
    batch = jax.tree.map(np.asarray, draw(keys))
    real = batch.mask if not task.is_absorbing else batch.observation[:, :-1, -1] < 0.5
    size = task.bare.observation_size
    ended = batch.terminated if not task.is_absorbing else real & (batch.observation[:, 1:, -1] > 0.5)
    last = np.cumsum(real, axis=1) == real.sum(axis=1, keepdims=True)
    arrays = {
        "observations": batch.observation[:, :-1, :size][real],
        "actions": batch.action[real],
        "lengths": real.sum(axis=1),
        "rewards": batch.reward[real],
        "log_prob": batch.log_prob[real],
        "terminated": ended[real],
        "truncated": (last & ~ended)[real],
    }
    meta = {
        "environment": options.env,
        "expert": "soft-optimal for the true reward",
        "temperature": options.temperature,
        "seed": options.seed,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_demonstrations(options.out, Demonstrations.from_arrays(arrays, meta))
    returns = np.sum(batch.reward * real, axis=1)
    rows = [(f"expert, {options.num_episodes} episodes, sampled actions", float(returns.mean()), None)]
    print_returns(console, f"{options.env}: demonstrations in {options.out}", rows)
    return 0


def _check(options: ExpertOptions) -> Task:
    """Everything that can be refused before jax is loaded.

    Raises:
        ConfigError: an option is wrong; the problems of numbers are listed together.
    """
    task = find_task(options.env)
    refuse(
        [
            *ranges.counts(options, "num_episodes", "iterations"),
            *ranges.temperatures(options),
            *ranges.rates(options, "policy_learning_rate"),
            *ranges.seeds(options),
        ]
    )
    check_file(options.out)
    if options.out.exists() and not options.overwrite:
        raise ConfigError(f"{options.out}: expected a new file, got an existing one; add --overwrite or choose another --out")
    return task

"""``triality expert`` where the environment lives on the host: PPO on its own reward, and demonstrations by sampled actions."""

from __future__ import annotations

import time
from typing import Any

import equinox as eqx
import jax
import numpy as np
from rich.console import Console

from triality.algorithms.guarded import Guarded, refuse_failing
from triality.algorithms.reward_training import RewardTraining
from triality.cli.compiled_expert import Expert, Recorded
from triality.cli.names import LEAST_SIMULATORS, Task, make_simulators, usual_simulators
from triality.cli.options import LEFT, ExpertOptions
from triality.cli.pace import Pace
from triality.cli.training import STATES, progress_bar
from triality.data.checks import RESET_SEEDS
from triality.runs.keeper import Keeper
from triality.simulators.collector import Collector
from triality.simulators.endings import Padded, Restarted
from triality.trajectory import Trajectory
from triality.updates.ppo import PPO

FIRST_RESET_SEED = 10_000  # evaluation resets with 0, 1, 2, ...
EPOCHS, MINIBATCHES = 10, 32


def record(task: Task, options: ExpertOptions, console: Console, expert: Expert) -> Recorded:
    """Demonstrations of an expert; their meta holds the seed that each episode was reset with.

    Raises:
        SimulatorError: a simulator failed.
    """
    size = min(LEAST_SIMULATORS, options.num_episodes)
    recorder = Collector(make_simulators(task, size), ending=Padded())
    whole = -(-options.num_episodes // size) * size
    with console.status(f"recording {options.num_episodes} episodes"):
        seeds = [FIRST_RESET_SEED + episode for episode in range(whole)]
        batch = recorder.collect(jax.random.fold_in(jax.random.key(options.seed), 1), expert.policy, whole, seeds)
    recorder.close()
    columns = _columns(jax.tree.map(lambda leaf: np.asarray(leaf)[: options.num_episodes], batch))
    return Recorded(columns, {RESET_SEEDS: seeds[: options.num_episodes]})


def train(task: Task, options: ExpertOptions, console: Console, remedy: str, keeper: Keeper) -> Expert:
    """A new expert.

    Raises:
        SimulatorError: a simulator failed.
        NonFiniteError: the policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    rule = PPO(
        learning_rate=options.policy_learning_rate,
        temperature=options.temperature,
        gamma=options.discount,
        gae_lambda=options.gae_lambda,
        num_epochs=EPOCHS,
        num_minibatches=MINIBATCHES,
    )
    guarded = Guarded(RewardTraining(task.bare, rule))
    update = eqx.filter_jit(lambda guarded, state, batch: guarded.update(state, batch))
    key_init, key_run = jax.random.split(jax.random.key(options.seed))
    state, pace = guarded.init(guarded.algorithm.init(key_init)), Pace()
    state = keeper.restored(STATES, state) if keeper.resumes else state
    keeper.look({STATES: state}, keeper.step)
    num = usual_simulators(task) if options.num_rollouts == LEFT else options.num_rollouts
    collector = Collector(make_simulators(task, num), ending=Restarted())
    steps = num * collector.horizon
    with progress_bar(console) as bar:
        line = bar.add_task("compiling", total=options.iterations, completed=keeper.step, rate="")
        for iteration in range(keeper.step + 1, options.iterations + 1):
            start = time.perf_counter()
            batch = collector.collect(jax.random.fold_in(key_run, iteration), state.state.policy, num)
            state, metrics = update(guarded, state, batch)
            refuse_failing(state, f"iterations {iteration}-{iteration}", remedy)
            pace.record("iteration", steps, time.perf_counter() - start)
            earned = float(metrics.return_mean)
            label = ", ".join(part for part in (pace.words, f"true return {earned:.1f}") if part)
            bar.update(line, completed=iteration, description="training", rate=label)
            keeper.log({"iteration": iteration, "return_mean": earned, "seconds": keeper.seconds})
            keeper.look({STATES: state}, iteration)
    collector.close()
    return Expert(state.state.policy, task.bare)


def _columns(batch: Trajectory) -> dict[str, Any]:
    """The real steps of all episodes in a row."""
    real = batch.mask
    return {
        "observations": batch.observation[:, :-1][real],
        "actions": batch.action[real],
        "lengths": real.sum(axis=1),
        "rewards": batch.reward[real],
        "next_observations": batch.observation[:, 1:][real],
        "log_prob": batch.log_prob[real],
        "terminated": batch.terminated[real],
        "truncated": batch.truncated[real],
    }

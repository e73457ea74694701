"""The evaluation that counts: the real environment, 100 episodes a seed, and what becomes of it in ``summary.json``.

Two judges give the same returns: Gymnasium's own program, which ``triality eval`` asks, and for MuJoCo's tasks Gymnasium's simulators
stepped together, which every run asks at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.cli.irl import Plan
from triality.cli.names import Task, make_environment, make_simulators
from triality.data.reference_returns import RANDOM_RETURNS, ReturnScale
from triality.envs.gymnasium_eval import Act, evaluate_in_gymnasium, uniform_actions
from triality.errors import DataError, SimulatorError
from triality.interquartile_mean import interquartile_mean
from triality.sampler import AbstractSampler
from triality.simulators.returns import returns_in
from triality.specs import MUJOCO_SPECS
from triality.trajectory import Policy, rollout

Judge = Callable[[Task, Act, int], np.ndarray]
"""Returns of so many episodes, reset seeds 0, 1, 2, ...; what a Judge is asked never changes what it answers."""

RANDOM_EPISODES = 20
"""Of random actions, in an environment whose return of them is not kept."""

PUBLISHED = {
    "Pendulum-v1": [
        {"name": "GAN-GCL (Fu 2018)", "value_normalized": 0.83},
        {"name": "AIRL (Fu 2018)", "value_normalized": 0.95},
    ],
    "HalfCheetah-v5": [
        {"name": "GAN-GCL (Fu 2018)", "value_normalized": 0.11},
        {"name": "AIRL (Fu 2018)", "value_normalized": 1.01},
    ],
    "Swimmer-v5": [
        {"name": "GAN-GCL (Fu 2018)", "value_normalized": 0.01},
        {"name": "AIRL (Fu 2018)", "value_normalized": 0.99},
    ],
    "Ant-v5": [
        {"name": "GAN-GCL (Fu 2018)", "value_normalized": 0.35},
        {"name": "AIRL (Fu 2018)", "value_normalized": 0.82},
    ],
}
"""Published results from 50 demonstrations on the authors' own scale, (score - random)/(expert - random): Fu et al., arXiv:1710.11248;
GAN-GCL at trajectory level; of the MuJoCo tasks in versions of their time."""


class PointMassAtMode(AbstractSampler):
    """All mass on the mode of a distribution: the mean action, for evaluation."""

    inner: Any

    def log_prob(self, x: Any) -> Any:
        """Zero: it is never asked for."""
        return jnp.zeros(())

    def sample_and_log_prob(self, key: Any) -> tuple[Any, Any]:
        return self.inner.mode, jnp.zeros(())


class MeanPolicy(eqx.Module):
    """The policy's most likely action."""

    policy: Policy

    def __call__(self, observation: Any) -> PointMassAtMode:
        distribution: Any = self.policy(observation)
        return PointMassAtMode(distribution)


def in_gymnasium(task: Task, act: Act, episodes: int) -> np.ndarray:
    """By Gymnasium's own program."""
    return evaluate_in_gymnasium(task.bare.name, act, episodes, range(episodes), absorbing=task.is_absorbing)


def in_simulators(task: Task, act: Act, episodes: int) -> np.ndarray:
    """The same returns; MuJoCo's tasks by Gymnasium's simulators stepped together, ten times as fast; in workers if the run has some."""
    if task.bare.name not in MUJOCO_SPECS and not task.hosting.workers:
        return in_gymnasium(task, act, episodes)
    simulators = make_simulators(task, episodes)
    try:
        return returns_in(simulators, act, range(episodes), absorbing=task.is_absorbing)
    finally:
        simulators.close()


def evaluate_policies(
    policies: Policy, num_seeds: int, task: Task, episodes: int = 100, judge: Judge = in_simulators
) -> list[dict[str, np.ndarray]]:
    """For every seed the returns of the mean action and of sampled actions, episode by episode."""
    return [_evaluate(jax.tree.map(lambda leaf, i=i: leaf[i], policies), task, episodes, judge) for i in range(num_seeds)]


def _evaluate(policy: Policy, task: Task, episodes: int, judge: Judge) -> dict[str, np.ndarray]:
    if task.is_ours:
        return {"mean": _compiled_returns(MeanPolicy(policy), task, episodes), "sampled": _compiled_returns(policy, task, episodes)}
    key = [jax.random.key(0)]

    def sampled(observation: np.ndarray) -> np.ndarray:
        key[0], now = jax.random.split(key[0])
        return np.asarray(_sampled_actions(policy, now, observation))

    mean = judge(task, lambda observation: np.asarray(_mean_actions(policy, observation)), episodes)
    return {"mean": mean, "sampled": judge(task, sampled, episodes)}


@eqx.filter_jit
def _mean_actions(policy: Policy, observation: Any) -> Any:
    return jax.vmap(lambda x: MeanPolicy(policy)(x).sample(jax.random.key(0)))(observation)


@eqx.filter_jit
def _sampled_actions(policy: Policy, key: Any, observation: Any) -> Any:
    return jax.vmap(lambda k, x: policy(x).sample(k))(jax.random.split(key, observation.shape[0]), observation)


def _compiled_returns(policy: Policy, task: Task, episodes: int) -> np.ndarray:
    """Where Gymnasium has no such environment: the compiled one is the real one."""
    environment = make_environment(task)
    keys = jax.random.split(jax.random.key(0), episodes)
    return np.asarray(_returns_drawn(keys, environment, policy, task.bare.time_limit))


@eqx.filter_jit
def _returns_drawn(keys: Any, environment: Any, policy: Policy, horizon: int) -> Any:
    return jax.vmap(lambda key: jnp.sum(rollout(key, environment, policy, horizon).reward))(keys)


def seed_records(policies: Policy, plan: Plan, scale: ReturnScale) -> list[dict[str, Any]]:
    """One record a seed: raw and normalized returns beside those of demonstrations and random actions."""
    options = plan.options
    records = []
    for index, returns in enumerate(evaluate_policies(policies, options.seeds, plan.task)):
        mean = float(returns["mean"].mean())
        records.append(
            {
                "seed": options.seed + index,
                "return_mean": mean,
                "return_normalized": scale.normalized(mean),
                "return_sampled": float(returns["sampled"].mean()),
                "return_std": float(returns["mean"].std()),
                "expert_return": scale.demonstrations,
                "random_return": scale.random,
                "ess_fraction": None,
                "overlap": None,
            }
        )
    return records


def return_scale(plan: Plan) -> ReturnScale:
    """Mean return of all demonstrations in the file, and of random actions: the kept one, or where there is none measured here."""
    name = plan.task.bare.name
    random = RANDOM_RETURNS[name].mean if name in RANDOM_RETURNS else random_return(plan.task)
    try:
        return ReturnScale(random, float(plan.demonstrations.returns().mean()))
    except DataError:
        return ReturnScale(random, None)


def random_return(task: Task, episodes: int = RANDOM_EPISODES) -> float:
    """Mean return of actions that are uniform on their set, over a few episodes.

    Raises:
        SimulatorError: the environment failed.
    """
    simulators = make_simulators(task, episodes)
    try:
        return float(returns_in(simulators, uniform_actions(task.bare), range(episodes)).mean())
    except SimulatorError as error:
        raise SimulatorError(f"{task.bare.name}, while random actions were tried: {error}") from error
    finally:
        simulators.close()


def summarize(
    command: str,
    config: dict[str, Any],
    records: list[dict[str, Any]],
    verdicts: dict[str, Any],
    steps: int,
    speed: float | None,
    seconds: float,
) -> dict[str, Any]:
    """``summary.json``: per-seed records, their interquartile mean, log Z, and the cost of it all; no ``speed`` where none was measured."""
    for record, health in zip(records, verdicts.get("seeds", [{}] * len(records)), strict=True):
        record.update(health)
    names = ("return_mean", "return_normalized", "return_sampled", "expert_return", "random_return", "ess_fraction", "overlap")
    iqm: dict[str, Any] = {name: interquartile_mean_of([record[name] for record in records]) for name in names}
    if config["env"] in PUBLISHED:
        iqm["published"] = PUBLISHED[config["env"]]
    return {
        "command": command,
        "config": config,
        "seeds": records,
        "iqm": iqm,
        "log_z": verdicts.get("log_z"),
        "log_z_estimates": verdicts.get("log_z_estimates", {}),
        "alarm": verdicts.get("alarm"),
        "env_steps": steps,
        "env_steps_per_second": speed,
        "seconds": seconds,
    }


def interquartile_mean_of(values: Sequence[float | None]) -> float | None:
    """``interquartile_mean`` of what the seeds came to; None where one of them is missing.

    Example:
        >>> interquartile_mean_of([0.0, 1.0, 2.0, 100.0]), interquartile_mean_of([0.0, None])
        (1.5, None)
    """
    present = [value for value in values if value is not None]
    return float(interquartile_mean(np.asarray(present, float))) if len(present) == len(values) else None

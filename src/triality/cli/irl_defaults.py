"""What ``triality irl`` decides where an option is left to it. Imports no jax."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from triality.cli.baselines import resolve_soft_q
from triality.cli.cost_class import LINEAR
from triality.cli.names import CLONING, LEAST_SIMULATORS, LEVELS, OBJECTIVES, REWARDS, SOFT_Q, STARTS, TEMPERATURES, Task, usual_simulators
from triality.cli.options import LEFT, IrlOptions
from triality.cli.policy_update import OF_PPO, usual_updates

POLICY_RATE, CLONING_RATE, COST_RATE = 3e-4, 1e-3, 1e-3
"""What no ``--policy-learning-rate`` stands for, of the policy update and of cloning, and what no ``--cost-learning-rate`` does."""
COST_RATES = {LINEAR: 0.02}
"""Of classes of costs that do not move by Adam's steps."""
TILTED_MAX_KL = 0.02
"""What no ``--max-kl`` stands for where the cost is a tilt of a cloned policy, which is narrow; elsewhere the clip alone holds back."""
ALL_PAIRS = 0


class Usual(NamedTuple):
    """What the command decides where an option is left to it; chosen on Pendulum in the compiled run, on HalfCheetah on the host."""

    iterations: int
    num_rollouts: int
    policy_epochs: int
    policy_minibatches: int
    num_pairs: int
    gradient_penalty: float


USUAL = Usual(100, 96, 4, 8, ALL_PAIRS, 0.003)
USUAL_ON_HOST = Usual(200, LEAST_SIMULATORS, 8, 32, 4096, 0.1)
ROLLOUTS_OF_SAC = 16
USUAL_DEMOS = 20
"""Demonstrations, if so many are there."""
ROUNDS, ROLLOUTS_A_ROUND, ROLLOUTS_A_ROUND_ON_HOST = 20, 16, 4
"""Of DAgger: every step of every round is kept, so that they are few; on the host an episode has about a thousand."""
COUNTS = {"iterations": 1, "num_rollouts": 4, "num_pairs": ALL_PAIRS}
"""Options that may be left to the command, and the least that may be given; beside them those of the policy's update."""


def resolve(options: IrlOptions, task: Task) -> IrlOptions:
    """What is left to the command, decided: a run stores what it did, whatever is decided in later versions.

    Cloning and DAgger have neither an objective nor roll-outs that begin anywhere: there ``auto`` stays.
    """
    if options.algorithm in SOFT_Q:
        return resolve_soft_q(options, task, POLICY_RATE)
    if options.algorithm in CLONING:
        decided = {"iterations": USUAL.iterations}
        if options.algorithm == "dagger":
            decided = {"iterations": ROUNDS, "num_rollouts": ROLLOUTS_A_ROUND_ON_HOST if task.on_host else ROLLOUTS_A_ROUND}
        counts = {name: value for name, value in decided.items() if getattr(options, name) == LEFT}
        return replace(options, policy_learning_rate=options.policy_learning_rate or CLONING_RATE, **counts)
    objective = OBJECTIVES[options.algorithm][0] if options.objective == "auto" else options.objective
    level = _level(options)
    usual = "free" if task.on_host else STARTS[level]
    starts = usual if options.starts == "auto" else options.starts
    sizes = _usual(options, level, task)
    counts = {name: getattr(sizes, name) for name in COUNTS if getattr(options, name) == LEFT}
    reward = REWARDS.get(options.algorithm, ("auto",))[0] if options.reward == "auto" else options.reward
    return replace(
        options,
        level=level,
        cost="state" if options.algorithm == "f-irl" else options.cost,
        objective=objective,
        reward=reward,
        temperature=implied_temperature(reward) if options.temperature is None else options.temperature,
        starts=starts,
        cost_learning_rate=cost_rate(options),
        policy_learning_rate=options.policy_learning_rate or POLICY_RATE,
        max_kl=_max_kl(options),
        gradient_penalty=sizes.gradient_penalty if options.gradient_penalty is None else options.gradient_penalty,
        **counts,
        **_counts_of_update(options, counts.get("num_rollouts", options.num_rollouts), sizes, task),
    )


def cost_rate(options: IrlOptions) -> float:
    """Step of the cost."""
    return options.cost_learning_rate or COST_RATES.get(options.cost, COST_RATE)


def _max_kl(options: IrlOptions) -> float | None:
    is_narrow = options.cost == "tilted" and options.policy_update == "ppo"
    return TILTED_MAX_KL if options.max_kl is None and is_narrow else options.max_kl


def _usual(options: IrlOptions, level: str, task: Task) -> Usual:
    """What is learned from all roll-outs needs fewer new ones; whole trajectories need theirs for the cost."""
    sizes = USUAL_ON_HOST._replace(num_rollouts=usual_simulators(task)) if task.on_host else USUAL
    return sizes._replace(num_rollouts=ROLLOUTS_OF_SAC) if options.policy_update == "sac" and level == "step" else sizes


def _counts_of_update(options: IrlOptions, num_rollouts: int, sizes: Usual, task: Task) -> dict[str, int]:
    """Of the update that the options choose alone; those of the other stay as they are left."""
    usual = {name: getattr(sizes, name) for name in OF_PPO}
    if options.policy_update == "sac":
        usual = {"sac_updates": usual_updates(num_rollouts, task)}
    return {name: value for name, value in usual.items() if getattr(options, name) == LEFT}


def _level(options: IrlOptions) -> str:
    return LEVELS.get(options.algorithm, "trajectory") if options.level == "auto" else options.level


def implied_temperature(reward: str) -> float:
    """Weight of the entropy that a named reward goes with; of a cost it is one."""
    return TEMPERATURES.get(reward, 1.0)

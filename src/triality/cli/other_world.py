"""``triality retrain --env``: the environment that a learned cost is taken to, and what returns there are held against. Imports no jax."""

from __future__ import annotations

from triality.cli.names import Task, find_task
from triality.cli.options import RetrainOptions
from triality.cli.stored import StoredRun
from triality.data.reference_returns import RANDOM_RETURNS, ReturnScale
from triality.errors import ConfigError

MUST_AGREE = ("observation_size", "action_size", "num_actions", "action_low", "action_high")
"""Of two specifications: what a cost, and the box of a policy for it, depend on. Bounds of observations and time limits may differ."""


def world_of(stored: StoredRun, options: RetrainOptions) -> Task:
    """The environment of the fresh policies: the run's own, or the one asked for, hosted as the run was.

    Raises:
        ConfigError: no such environment, or one that the cost cannot be asked about.
    """
    if options.env is None:
        return stored.task
    world = find_task(options.env, stored.options.host)._replace(hosting=stored.task.hosting)
    problems = [
        f"{name} {before}, got {after}"
        for name in MUST_AGREE
        if (before := getattr(stored.task.spec, name)) != (after := getattr(world.spec, name))
    ]
    if world.is_absorbing != stored.task.is_absorbing:
        problems.append(f"{_ends(stored.task)}, got {_ends(world)}")
    if problems:
        raise ConfigError(
            f"expected in {options.env} the observations and actions of {stored.options.env}, which the cost was learned for: "
            f"{'; '.join(problems)}; choose a changed world of the same task, or learn a cost in {options.env}"
        )
    return world


def _ends(task: Task) -> str:
    return "episodes that can end, with an absorbing state" if task.is_absorbing else "episodes that never end"


def problems_of(options: RetrainOptions) -> list[str]:
    """What is wrong with the options by themselves."""
    if options.expert_return is None or options.env is not None:
        return []
    given = f"--expert-return {options.expert_return:g}"
    return [f"expected --env with --expert-return, got {given} alone; the run's own demonstrations are the measure in its own environment"]


def scale_in(world: Task, expert_return: float | None) -> ReturnScale:
    """0 = random actions there, kept or measured now; 1 = a policy that was trained there on the true reward, if its return is given."""
    if world.bare.name in RANDOM_RETURNS:
        return ReturnScale(RANDOM_RETURNS[world.bare.name].mean, expert_return)
    from triality.cli.evaluation import random_return

    return ReturnScale(random_return(world), expert_return)

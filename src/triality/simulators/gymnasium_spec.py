"""Sizes, bounds and time limit of a Gymnasium environment, read off it, and what there is of it that cannot be used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from triality.errors import ConfigError
from triality.specs import EnvironmentSpec

if TYPE_CHECKING:
    import gymnasium


def spec_of(simulator: gymnasium.Env, env_id: str) -> EnvironmentSpec:
    """Sizes, bounds and time limit of a Gymnasium environment.

    Raises:
        ConfigError: it does not observe a vector, act on a bounded box or on 0 .. n - 1, or have a time limit.

    Example:
        >>> from triality.envs.gymnasium_eval import make_gymnasium
        >>> spec_of(make_gymnasium("CartPole-v1"), "CartPole-v1").time_limit
        500
    """
    import gymnasium

    problems = [*observation_problems(simulator, env_id), *limit_problems(simulator, env_id), *action_problems(simulator, env_id)]
    seen, acted, limit = simulator.observation_space, simulator.action_space, time_limit_of(simulator)
    if problems or seen.shape is None or limit is None:
        raise ConfigError(problems[0])
    seen_bounds = _bounds(seen)
    if isinstance(acted, gymnasium.spaces.Discrete):
        return EnvironmentSpec(env_id, seen.shape[0], 0, int(acted.n), (), (), limit, *seen_bounds)
    return EnvironmentSpec(env_id, seen.shape[0], _size(acted), 0, *_bounds(acted), limit, *seen_bounds)


def observation_problems(simulator: gymnasium.Env, env_id: str) -> list[str]:
    """Why what it observes cannot be used, if it cannot."""
    import gymnasium

    seen = simulator.observation_space
    if isinstance(seen, gymnasium.spaces.Box) and len(seen.shape) == 1:
        return []
    return [f"expected {env_id} to observe a vector, got {seen}; wrap it in gymnasium.wrappers.FlattenObservation or in one of your own"]


def limit_problems(simulator: gymnasium.Env, env_id: str) -> list[str]:
    """Why its episodes may never end, if they may not."""
    if time_limit_of(simulator) is not None:
        return []
    return [
        f"expected {env_id} to have a time limit, got none; register it with max_episode_steps, or wrap it in gymnasium.wrappers.TimeLimit"
    ]


def action_problems(simulator: gymnasium.Env, env_id: str) -> list[str]:
    """Why what it takes as actions cannot be used, if it cannot."""
    import gymnasium

    acted = simulator.action_space
    if isinstance(acted, gymnasium.spaces.Discrete):
        if acted.start == 0:
            return []
        return [f"expected actions 0 to n - 1 in {env_id}, got a first one of {acted.start}; shift them in a wrapper"]
    if not isinstance(acted, gymnasium.spaces.Box) or len(acted.shape) != 1:
        return [f"expected {env_id} to act by a vector or an index, got {acted}; flatten it in a wrapper"]
    if not np.all(np.isfinite(acted.low) & np.isfinite(acted.high)):
        return [
            f"expected finite bounds of the actions of {env_id}, got {acted}; wrap it in gymnasium.wrappers.RescaleAction or ClipAction"
        ]
    return []


def time_limit_of(simulator: gymnasium.Env) -> int | None:
    """Of the registered environment, or of the ``TimeLimit`` that it is wrapped in."""
    registered = None if simulator.spec is None else simulator.spec.max_episode_steps
    if registered is None and simulator.has_wrapper_attr("_max_episode_steps"):
        return simulator.get_wrapper_attr("_max_episode_steps")
    return registered


def _bounds(space: gymnasium.Space) -> tuple[tuple[float, ...], tuple[float, ...]]:
    import gymnasium

    assert isinstance(space, gymnasium.spaces.Box)
    return tuple(map(float, space.low)), tuple(map(float, space.high))


def _size(space: gymnasium.Space) -> int:
    return 0 if space.shape is None else space.shape[0]

"""Simulators of Gymnasium put into a recorded state: possible where the observation says all of it, as in classic control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Put = Callable[[Any, np.ndarray], None]
"""Puts a simulator that has been reset into the state behind an observation."""


def put_finder(env_id: str) -> Put | None:
    """How an environment is put into the state behind an observation; None where the observation does not say all of it.

    Example:
        >>> import gymnasium
        >>> simulator = gymnasium.make("Pendulum-v1")
        >>> _ = simulator.reset(seed=0)
        >>> put_finder("Pendulum-v1")(simulator, np.array([0.0, 1.0, -3.0]))
        >>> simulator.unwrapped.state.round(6).tolist()
        [1.570796, -3.0]
        >>> put_finder("Hopper-v5") is None
        True
    """
    return PUTS.get(env_id)


def _angle_and_speed(simulator: Any, observation: np.ndarray) -> None:
    cos, sin, speed = np.asarray(observation, float)
    simulator.unwrapped.state = np.array([np.arctan2(sin, cos), speed])


def _two_angles(simulator: Any, observation: np.ndarray) -> None:
    cos1, sin1, cos2, sin2, speed1, speed2 = np.asarray(observation, float)
    simulator.unwrapped.state = np.array([np.arctan2(sin1, cos1), np.arctan2(sin2, cos2), speed1, speed2])


def _itself(simulator: Any, observation: np.ndarray) -> None:
    simulator.unwrapped.state = np.array(observation, float)


PUTS: dict[str, Put] = {
    "Pendulum-v1": _angle_and_speed,
    "CartPole-v1": _itself,
    "MountainCar-v0": _itself,
    "MountainCarContinuous-v0": _itself,
    "Acrobot-v1": _two_angles,
}

"""A plane of states to look at, for environments whose state is two numbers or nearly so. Imports no jax."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


class Plane(NamedTuple):
    """Two coordinates of the state, how they become an observation, and minus the environment's own reward there.

    Fields:
        x_label: name and unit of the first coordinate.
        y_label: of the second.
        x_range: shown range of the first.
        y_range: of the second.
        observations: coordinate arrays to observations, one more axis at the end.
        coordinates: observations to the two coordinates.
        true_cost: minus the environment's reward at rest, without the action's share.
    """

    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    observations: Callable[[np.ndarray, np.ndarray], np.ndarray]
    coordinates: Callable[[np.ndarray], Pair]
    true_cost: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _first_two(observation: np.ndarray) -> Pair:
    return observation[..., 0], observation[..., 1]


def _stacked(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=-1)


def _upright(position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """One a step until the episode ends."""
    del velocity
    return (position < 0.5).astype(float)


MAZE = Plane("x (m)", "y (m)", (-0.05, 0.55), (-0.05, 0.55), _stacked, _first_two, lambda x, y: np.asarray(np.hypot(x - 0.3, y - 0.5)))
"""Of the maze and of its changed twin."""

PLANES: dict[str, Plane] = {
    "Pendulum-v1": Plane(
        "angle (rad, 0 = upright)",
        "angular velocity (rad/s)",
        (-np.pi, np.pi),
        (-8.0, 8.0),
        lambda angle, velocity: np.stack([np.cos(angle), np.sin(angle), velocity], axis=-1),
        lambda observation: (np.arctan2(observation[..., 1], observation[..., 0]), observation[..., 2]),
        lambda angle, velocity: angle**2 + 0.1 * velocity**2,
    ),
    "CartPole-v1": Plane(
        "pole angle (rad)",
        "pole angular velocity (rad/s)",
        (-0.3, 0.3),
        (-2.5, 2.5),
        lambda angle, velocity: np.stack([0 * angle, 0 * angle, angle, velocity], axis=-1),
        lambda observation: (observation[..., 2], observation[..., 3]),
        lambda angle, velocity: -(np.abs(angle) <= 12 * np.pi / 180).astype(float) + 0 * velocity,
    ),
    "PointMaze-v0": MAZE,
    "PointMazeShifted-v0": MAZE,
    "PointMazeAnywhere-v0": MAZE,
    "MountainCar-v0": Plane("position", "velocity (a step)", (-1.2, 0.6), (-0.07, 0.07), _stacked, _first_two, _upright),
}
"""By the environment's public id."""

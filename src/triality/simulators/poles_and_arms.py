"""Gymnasium's poles on carts and arms on tables, version 5: InvertedPendulum, InvertedDoublePendulum, Reacher, Pusher.

Reference: the classes of ``gymnasium/envs/mujoco/*_v5.py`` (Gymnasium 1.4) with their default arguments; the tests step both side by side.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from triality.simulators.mujoco_task import Fields, MujocoTask, always, effort

FINGERTIP, TARGET = 3, 4
"""Reacher's bodies, by their index."""
TIP, THING, GOAL = 10, 11, 12
"""Pusher's bodies, by their index."""


def _observe_reacher(after: Fields) -> Float[np.ndarray, "n 10"]:
    angles = after["qpos"][:, :2]
    return np.concatenate([np.cos(angles), np.sin(angles), after["qpos"][:, 2:], after["qvel"][:, :2], _from_target(after)[:, :2]], axis=1)


def _from_target(after: Fields) -> Float[np.ndarray, "n 3"]:
    """Fingertip less target."""
    return after["xpos"][:, FINGERTIP] - after["xpos"][:, TARGET]


def _reward_reacher(before: Fields, after: Fields, action: np.ndarray, seconds: float) -> Float[np.ndarray, " n"]:
    del before, seconds
    return -np.linalg.norm(_from_target(after), axis=1) - effort(action)


def _pole_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    finite = np.all(np.isfinite(after["qpos"]), axis=1) & np.all(np.isfinite(after["qvel"]), axis=1)
    return finite & ~(np.abs(after["qpos"][:, 1]) > 0.2)


def _observe_double_pole(after: Fields) -> Float[np.ndarray, "n 9"]:
    angles, pull = after["qpos"][:, 1:], np.clip(after["qfrc_constraint"], -10, 10)[:, :1]
    return np.concatenate([after["qpos"][:, :1], np.sin(angles), np.cos(angles), np.clip(after["qvel"], -10, 10), pull], axis=1)


def _reward_double_pole(before: Fields, after: Fields, action: np.ndarray, seconds: float) -> Float[np.ndarray, " n"]:
    del before, action, seconds
    x, height, (spin_1, spin_2) = after["site_xpos"][:, 0, 0], after["site_xpos"][:, 0, 2], after["qvel"].T[1:3]
    away, moving = 0.01 * x**2 + (height - 2) ** 2, 1e-3 * spin_1**2 + 5e-3 * spin_2**2
    return 10.0 * _double_pole_is_up(after) - away - moving


def _double_pole_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    return ~(after["site_xpos"][:, 0, 2] <= 1)


def _observe_pusher(after: Fields) -> Float[np.ndarray, "n 23"]:
    places = [after["xpos"][:, body] for body in (TIP, THING, GOAL)]
    return np.concatenate([after["qpos"][:, :7], after["qvel"][:, :7], *places], axis=1)


def _reward_pusher(before: Fields, after: Fields, action: np.ndarray, seconds: float) -> Float[np.ndarray, " n"]:
    del before, seconds
    tip, thing, goal = (after["xpos"][:, body] for body in (TIP, THING, GOAL))
    near, far = np.linalg.norm(thing - tip, axis=1), np.linalg.norm(thing - goal, axis=1)
    return -far - 0.1 * effort(action) - 0.5 * near


POLES_AND_ARMS: dict[str, MujocoTask] = {
    "InvertedPendulum-v5": MujocoTask(
        ("qpos", "qvel"),
        lambda after: np.concatenate([after["qpos"], after["qvel"]], axis=1),
        lambda before, after, action, seconds: _pole_is_up(after).astype(float),
        _pole_is_up,
    ),
    "InvertedDoublePendulum-v5": MujocoTask(
        ("qpos", "qvel", "qfrc_constraint", "site_xpos"), _observe_double_pole, _reward_double_pole, _double_pole_is_up
    ),
    "Reacher-v5": MujocoTask(("qpos", "qvel", "xpos"), _observe_reacher, _reward_reacher, always),
    "Pusher-v5": MujocoTask(("qpos", "qvel", "xpos"), _observe_pusher, _reward_pusher, always),
}
"""Tasks by Gymnasium's id."""

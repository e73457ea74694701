"""Gymnasium's walking, hopping and swimming bodies, version 5: HalfCheetah, Swimmer, Hopper, Walker2d, Ant, Humanoid; and a disabled ant.

Reference: the classes of ``gymnasium/envs/mujoco/*_v5.py`` (Gymnasium 1.4) with their default arguments; the tests step both side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from triality.simulators.mujoco_task import Fields, MujocoTask, always, effort


def _speed(before: Fields, after: Fields, seconds: float) -> Float[np.ndarray, " n"]:
    return (after["qpos"][:, 0] - before["qpos"][:, 0]) / seconds


def _positions_and_velocities(hidden: int, limit: float = np.inf) -> Callable[[Fields], Float[np.ndarray, "n obs"]]:
    """Coordinates but the first ``hidden``, which say where the body is, and velocities clipped at ``limit``."""

    def observe(after: Fields) -> Float[np.ndarray, "n obs"]:
        return np.concatenate([after["qpos"][:, hidden:], np.clip(after["qvel"], -limit, limit)], axis=1)

    return observe


def _between(values: np.ndarray, low: float, high: float) -> Bool[np.ndarray, " n *rest"]:
    return (low < values) & (values < high)


def _runner(effort_weight: float, hidden: int) -> MujocoTask:
    """Forward speed less effort; never ends."""
    return MujocoTask(
        ("qpos", "qvel"),
        _positions_and_velocities(hidden),
        lambda before, after, action, seconds: _speed(before, after, seconds) - effort_weight * effort(action),
        always,
    )


def _hopping(healthy: Callable[[Fields], Bool[np.ndarray, " n"]]) -> MujocoTask:
    """Forward speed and one for being upright, less effort; ends where it is not."""
    return MujocoTask(
        ("qpos", "qvel"),
        _positions_and_velocities(1, 10.0),
        lambda before, after, action, seconds: _speed(before, after, seconds) + healthy(after) - 1e-3 * effort(action),
        healthy,
    )


def _hopper_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    state = np.concatenate([after["qpos"], after["qvel"]], axis=1)[:, 2:]
    upright = (after["qpos"][:, 1] > 0.7) & _between(after["qpos"][:, 2], -0.2, 0.2)
    return upright & np.all(_between(state, -100.0, 100.0), axis=1)


def _walker_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    return _between(after["qpos"][:, 1], 0.8, 2.0) & _between(after["qpos"][:, 2], -1.0, 1.0)


def _contact_forces(after: Fields) -> Float[np.ndarray, "n bodies 6"]:
    return np.clip(after["cfrc_ext"], -1.0, 1.0)


def _observe_ant(after: Fields) -> Float[np.ndarray, "n 105"]:
    forces = _contact_forces(after)[:, 1:].reshape(len(after["qpos"]), -1)
    return np.concatenate([after["qpos"][:, 2:], after["qvel"], forces], axis=1)


def _reward_ant(before: Fields, after: Fields, action: np.ndarray, seconds: float) -> Float[np.ndarray, " n"]:
    forward = (after["xpos"][:, 1, 0] - before["xpos"][:, 1, 0]) / seconds
    contact = 5e-4 * np.sum(np.square(_contact_forces(after)), axis=(1, 2))
    return forward + _ant_is_up(after) - 0.5 * effort(action) - contact


def _ant_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    finite = np.all(np.isfinite(after["qpos"]), axis=1) & np.all(np.isfinite(after["qvel"]), axis=1)
    return finite & (after["qpos"][:, 2] >= 0.2) & (after["qpos"][:, 2] <= 1.0)


def _observe_humanoid(after: Fields) -> Float[np.ndarray, "n 348"]:
    num = len(after["qpos"])
    bodies = [after[name][:, 1:].reshape(num, -1) for name in ("cinert", "cvel")]
    forces = after["cfrc_ext"][:, 1:].reshape(num, -1)
    return np.concatenate([after["qpos"][:, 2:], after["qvel"], *bodies, after["qfrc_actuator"][:, 6:], forces], axis=1)


def _reward_humanoid(before: Fields, after: Fields, action: np.ndarray, seconds: float) -> Float[np.ndarray, " n"]:
    """The speed is that of the center of mass; effort is counted in double precision."""
    forward = (_center_of_mass(after) - _center_of_mass(before)) / seconds
    contact = np.clip(5e-7 * np.sum(np.square(after["cfrc_ext"]), axis=(1, 2)), -np.inf, 10.0)
    return 1.25 * forward + 5.0 * _humanoid_is_up(after) - 0.1 * effort(action.astype(float)) - contact


def _center_of_mass(fields: Fields) -> Float[np.ndarray, " n"]:
    mass = fields["body_mass"]
    return np.sum(mass * fields["xipos"][:, :, 0], axis=1) / np.sum(mass, axis=1)


def _humanoid_is_up(after: Fields) -> Bool[np.ndarray, " n"]:
    return _between(after["qpos"][:, 2], 1.0, 2.0)


ANT = MujocoTask(("qpos", "qvel", "xpos", "cfrc_ext"), _observe_ant, _reward_ant, _ant_is_up, has_contact_forces=True)
"""Whatever its legs are like."""

LOCOMOTION: dict[str, MujocoTask] = {
    "HalfCheetah-v5": _runner(effort_weight=0.1, hidden=1),
    "Swimmer-v5": _runner(effort_weight=1e-4, hidden=2),
    "Hopper-v5": _hopping(_hopper_is_up),
    "Walker2d-v5": _hopping(_walker_is_up),
    "Ant-v5": ANT,
    "DisabledAnt-v0": ANT,
    "Humanoid-v5": MujocoTask(
        ("qpos", "qvel", "cinert", "cvel", "qfrc_actuator", "cfrc_ext", "xipos"),
        _observe_humanoid,
        _reward_humanoid,
        _humanoid_is_up,
        has_contact_forces=True,
    ),
}
"""Tasks by their id in Gymnasium."""

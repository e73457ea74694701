"""What a MuJoCo task observes, is rewarded for and ends at, for many simulators at once.

One task is three functions of numpy arrays with a leading axis n, over the fields of ``mujoco.MjData`` that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Fields = dict[str, np.ndarray]
"""Fields of MjData by name, each (n, ...), in the order of the simulators; ``body_mass`` of the model stands among them."""


class MujocoTask(NamedTuple):
    """How a task reads its simulators.

    Fields:
        fields: names of the fields of MjData that the functions below read.
        observe: what the policy sees, (n, obs).
        reward: of (fields before, fields after, action as given, seconds of a step), (n,).
        healthy: false where the episode terminates, (n,).
        has_contact_forces: whether it reads external contact forces, which MuJoCo computes after a step only where asked.
    """

    fields: tuple[str, ...]
    observe: Callable[[Fields], Float[np.ndarray, "n obs"]]
    reward: Callable[[Fields, Fields, np.ndarray, float], Float[np.ndarray, " n"]]
    healthy: Callable[[Fields], Bool[np.ndarray, " n"]]
    has_contact_forces: bool = False


def always(after: Fields) -> Bool[np.ndarray, " n"]:
    """Healthy whatever happens."""
    return np.ones(len(after["qpos"]), bool)


def effort(action: np.ndarray) -> Float[np.ndarray, " n"]:
    """Squared norm of each action."""
    return np.sum(np.square(action), axis=1)

"""A learned cost c(x, u) in plain numpy: low = likely, a reward is minus this. Imports neither jax nor the rest of the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from triality.errors import DataError
from triality.export.numpy_mlp import read_mlp, read_scaling
from triality.export.numpy_policy import read_law
from triality.export.saved import Saved, read_saved

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class NumpyCost:
    """c(x, u) of one step or of many: any leading axes, the same for observation and action.

    Args:
        environment: id of the environment it was learned in.
        horizon: time limit of that environment.
        observation_size: coordinates that an observation has here, the absorbing indicator included.
        num_actions: number of discrete actions; 0 for continuous ones.
        action_low: lower bounds of the action box; empty for discrete actions.
        action_high: upper bounds.
        is_absorbing: whether the last coordinate of an observation is 0 while the episode runs and 1, after zeros, once it is over.
        evaluate: (batch, obs) and (batch, act) or (batch,) to (batch,).
        dtype: of the arithmetic, that of the exported arrays.

    Example:
        >>> cost = NumpyCost("Any-v0", 10, 2, 0, (-1.0,), (1.0,), False, lambda x, u: x[:, 0] + u[:, 0], np.dtype(float))
        >>> cost([1.0, 2.0], [0.5]).item(), cost([[1.0, 2.0], [3.0, 4.0]], [[0.5], [0.0]]).tolist()
        (1.5, [1.5, 3.0])
    """

    environment: str
    horizon: int
    observation_size: int
    num_actions: int
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    is_absorbing: bool
    evaluate: Evaluate
    dtype: np.dtype

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> NumpyCost:
        """The cost that ``triality export`` wrote to ``folder``: cost.json and cost.safetensors.

        Raises:
            ConfigError: safetensors is not installed.
            StorageError: the files are missing, damaged, or do not fit together.
        """
        saved = read_saved(folder, "cost")
        size, actions = saved.count("observation_size"), read_actions(saved)
        dtype = next((array.dtype for array in saved.arrays.values()), np.dtype(np.float32))
        evaluate = _evaluate(saved, size, actions)
        is_absorbing = saved.description.get("absorbing") is True
        return cls(str(saved.description.get("environment")), saved.count("horizon"), size, *actions, is_absorbing, evaluate, dtype)

    def __call__(self, observation: Any, action: Any) -> np.ndarray:
        """(..., obs) and (..., act), or (...,) integers, to (...,): the cost in nats.

        Raises:
            DataError: shapes that do not fit, or a discrete action out of range.
        """
        seen = np.asarray(observation, self.dtype)
        batch = seen.shape[:-1]
        if seen.ndim == 0 or seen.shape[-1] != self.observation_size:
            raise DataError(f"expected observations of {self.observation_size} coordinates, got shape {seen.shape}; {self._hint()}")
        taken = np.asarray(action, np.int64 if self.num_actions else self.dtype)
        expected = batch if self.num_actions else (*batch, len(self.action_low))
        if taken.shape != expected:
            raise DataError(f"expected actions of shape {expected}, got {taken.shape}; pass one action an observation")
        if self.num_actions and not ((taken >= 0) & (taken < self.num_actions)).all():
            raise DataError(f"expected actions from 0 to {self.num_actions - 1}, got others; check the environment")
        flat = taken.reshape(-1, *taken.shape[len(batch) :])
        return self.evaluate(seen.reshape(-1, self.observation_size), flat).reshape(batch)

    def _hint(self) -> str:
        if self.is_absorbing:
            return "append the absorbing indicator: 0 while the episode runs"
        return f"pass those of {self.environment}"


def read_actions(saved: Saved) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Number of discrete actions, and bounds of the box.

    Raises:
        StorageError: neither discrete actions nor a box.
    """
    num_actions = saved.count("num_actions")
    if num_actions:
        return num_actions, (), ()
    size = saved.count("action_size")
    return 0, saved.numbers("action_low", size), saved.numbers("action_high", size)


Actions = tuple[int, tuple[float, ...], tuple[float, ...]]


def _evaluate(saved: Saved, size: int, actions: Actions) -> Evaluate:
    return KINDS[saved.word("kind", tuple(KINDS))](saved, size, actions)


def _box(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """A perceptron of the scaled observation and of the action in units of its half-box."""
    width = len(actions[1])
    net, scaling, half_width = read_mlp(saved, "net", size + width, 1), read_scaling(saved, size), saved.array("half_width", (width,))
    return lambda observation, action: net(np.concatenate([scaling(observation), action / half_width], axis=-1))[:, 0]


def _discrete(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """One output of the perceptron for each action."""
    net, scaling = read_mlp(saved, "net", size, actions[0]), read_scaling(saved, size)
    return lambda observation, action: np.take_along_axis(net(scaling(observation)), action[:, None], axis=-1)[:, 0]


def _state(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """A perceptron of the observation alone."""
    net, scaling = read_mlp(saved, "net", size, 1), read_scaling(saved, size)
    return lambda observation, action: net(scaling(observation))[:, 0]


def _linear(saved: Saved, size: int, num_efforts: int) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """What a linear cost makes of observations, and its efforts."""
    weights, scaling = saved.array("weights", (size,)), read_scaling(saved, size)
    low, high = saved.numbers("clip_range", 2)
    return lambda observation: np.clip(scaling(observation), low, high) @ weights, saved.array("efforts", (num_efforts,))


def _linear_box(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """Linear in the scaled observation, and in the squares of the action in units of its half-box."""
    width = len(actions[1])
    (of_state, efforts), half_width = _linear(saved, size, width), saved.array("half_width", (width,))
    return lambda observation, action: of_state(observation) + (action / half_width) ** 2 @ efforts


def _linear_discrete(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """Linear in the scaled observation, and a number for each action."""
    of_state, efforts = _linear(saved, size, actions[0])
    return lambda observation, action: of_state(observation) + efforts[action]


def _constant(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """Zero."""
    return lambda observation, action: np.zeros(len(observation), observation.dtype)


def _tilted(saved: Saved, size: int, actions: Actions) -> Evaluate:
    """t(x, u) - log pi_0(u|x)."""
    tilt, reference = _evaluate(saved.part("tilt"), size, actions), read_law(saved.part("reference"))
    return lambda observation, action: tilt(observation, action) - reference.log_prob(observation, action)


KINDS: dict[str, Callable[[Saved, int, Actions], Evaluate]] = {
    "box": _box,
    "discrete": _discrete,
    "state": _state,
    "linear-box": _linear_box,
    "linear-discrete": _linear_discrete,
    "constant": _constant,
    "tilted": _tilted,
}
"""What a cost's kind is called in the description."""

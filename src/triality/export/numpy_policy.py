"""A learned policy pi(u|x) in plain numpy: acts, samples, and knows its log density. Imports neither jax nor the rest of the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from triality.errors import DataError
from triality.export.numpy_laws import CategoricalLaw, Features, GaussianLaw, Law, SquashedGaussianLaw, UniformLaw, UntilOverLaw
from triality.export.numpy_mlp import read_mlp, read_scaling
from triality.export.saved import Saved, read_saved

LOG_SCALE_RANGE = (-5.0, 2.0)
"""Of ``triality.policies.gaussian``."""


@dataclass(frozen=True, eq=False)
class NumpyPolicy:
    """The policy, for one observation or for many: any leading axes.

    Args:
        environment: id of the environment it was learned in.
        observation_size: coordinates that an observation has here, the absorbing indicator included.
        action_shape: () for discrete actions.
        is_absorbing: whether the last coordinate of an observation is the absorbing indicator.
        law: of the action.
        dtype: of the arithmetic, that of the exported arrays.

    Example:
        >>> law = CategoricalLaw(lambda x: np.log(np.stack([1.0 + 0 * x[..., 0], 3.0 + 0 * x[..., 0]], -1)))
        >>> policy = NumpyPolicy("Any-v0", 1, (), False, law, np.dtype(float))
        >>> int(policy.act([0.0])), float(np.exp(policy.log_prob([0.0], 1)).round(4))
        (1, 0.75)
    """

    environment: str
    observation_size: int
    action_shape: tuple[int, ...]
    is_absorbing: bool
    law: Law
    dtype: np.dtype

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> NumpyPolicy:
        """The policy that ``triality export`` wrote to ``folder``: policy.json and policy.safetensors.

        Raises:
            ConfigError: safetensors is not installed.
            StorageError: the files are missing, damaged, or do not fit together.
        """
        saved = read_saved(folder, "policy")
        law, size = read_law(saved), saved.count("observation_size")
        shape = () if saved.count("num_actions") else (saved.count("action_size"),)
        dtype = next(iter(saved.arrays.values())).dtype
        return cls(str(saved.description.get("environment")), size, shape, saved.description.get("absorbing") is True, law, dtype)

    def act(self, observation: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """(..., obs) to (..., act), or to (...,) integers: the mean (or most likely) action, with ``rng`` a sampled one.

        An unsquashed Gaussian may leave the box: the simulator clips, as it did in training.

        Raises:
            DataError: an observation of another size.
        """
        seen = self._checked(observation)
        flat = seen.reshape(-1, self.observation_size)
        chosen = self.law.mode(flat) if rng is None else self.law.sample(flat, rng)
        return chosen.reshape((*seen.shape[:-1], *self.action_shape))

    def log_prob(self, observation: Any, action: Any) -> np.ndarray:
        """(..., obs) and (..., act), or (...,) integers, to (...,): log pi(u|x) in nats.

        Raises:
            DataError: shapes that do not fit.
        """
        seen = self._checked(observation)
        taken = np.asarray(action, self.dtype if self.action_shape else np.int64)
        expected = (*seen.shape[:-1], *self.action_shape)
        if taken.shape != expected:
            raise DataError(f"expected actions of shape {expected}, got {taken.shape}; pass one action an observation")
        flat = seen.reshape(-1, self.observation_size), taken.reshape((-1, *self.action_shape))
        return self.law.log_prob(*flat).reshape(seen.shape[:-1])

    def _checked(self, observation: Any) -> np.ndarray:
        seen = np.asarray(observation, self.dtype)
        if seen.ndim == 0 or seen.shape[-1] != self.observation_size:
            hint = "append the absorbing indicator: 0 while the episode runs" if self.is_absorbing else f"pass those of {self.environment}"
            raise DataError(f"expected observations of {self.observation_size} coordinates, got shape {seen.shape}; {hint}")
        return seen


def read_law(saved: Saved) -> Law:
    """The law of a policy's actions, by its description.

    Raises:
        StorageError: the description and the arrays do not fit together.
    """
    law = KINDS[saved.word("kind", tuple(KINDS))](saved, saved.count("observation_size"))
    if "when_over" not in saved.description:
        return law
    saved.word("when_over", ("uniform",))
    return UntilOverLaw(law, _uniform(saved))


def _uniform(saved: Saved) -> Law:
    """On the action set."""
    num_actions = saved.count("num_actions")
    if num_actions:
        return CategoricalLaw(lambda x: np.zeros((*x.shape[:-1], num_actions), x.dtype))
    width = (saved.count("action_size"),)
    return UniformLaw(saved.array("center", width), saved.array("half_width", width))


def _of_box(law: Callable[[Features, Features, np.ndarray, np.ndarray], Law]) -> Callable[[Saved, int], Law]:
    """Reads the parts that both Gaussian policies have."""

    def read(saved: Saved, size: int) -> Law:
        width = saved.count("action_size")
        net, scaling = read_mlp(saved, "mean", size, width), read_scaling(saved, size)
        center, half_width = saved.array("center", (width,)), saved.array("half_width", (width,))
        scale = SCALES[saved.word("scale_kind", tuple(SCALES))](saved, size, width)
        return law(lambda x: net(scaling(x)), lambda x: _bounded(scale(scaling(x))), center, half_width)

    return read


def _bounded(raw: np.ndarray) -> np.ndarray:
    low, high = LOG_SCALE_RANGE
    return low + 0.5 * (high - low) * (np.tanh(raw) + 1.0)


def _constant_scale(saved: Saved, size: int, width: int) -> Features:
    raw = saved.array("log_scale.raw", (width,))
    return lambda features: np.broadcast_to(raw, (*features.shape[:-1], width))


def _categorical(saved: Saved, size: int) -> Law:
    net, scaling = read_mlp(saved, "net", size, saved.count("num_actions")), read_scaling(saved, size)
    return CategoricalLaw(lambda x: net(scaling(x)))


SCALES: dict[str, Callable[[Saved, int, int], Features]] = {
    "constant": _constant_scale,
    "state": lambda saved, size, width: read_mlp(saved, "log_scale.net", size, width),
}
KINDS: dict[str, Callable[[Saved, int], Law]] = {
    "squashed-gaussian": _of_box(SquashedGaussianLaw),
    "gaussian": _of_box(GaussianLaw),
    "categorical": _categorical,
}
"""What a policy's kind is called in the description."""

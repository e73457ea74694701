"""Laws of an action given an observation, in plain numpy: the three that a learned policy can be.

    squashed:     u = center + half_width tanh(z),  z ~ N(m(x), s(x)^2),  log pi = log N(z) - sum log dtanh(z)/dz - sum log half_width
    gaussian:     u ~ N(center + half_width m(x), (half_width s(x))^2)
    categorical:  pi = softmax(l(x))

The same as ``triality.samplers.gaussian`` and ``triality.samplers.categorical``. log dtanh/dz is
2 (log 2 - z - softplus(-2z)), finite where log(1 - tanh^2) is not (D11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

LOG_TWO, LOG_TWO_PI = float(np.log(2.0)), float(np.log(2.0 * np.pi))
MARGIN = 1e-6
"""Share of the half-width kept free at each bound."""

Features = Callable[[np.ndarray], np.ndarray]


@runtime_checkable
class Law(Protocol):
    """The law of the action given the observation: (batch, obs) to (batch, act), or to (batch,) integers, and to (batch,) log densities."""

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """The mean, or most likely, action."""
        ...

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One action an observation."""
        ...

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The same action with its log density, which is that of the draw: nothing is inverted."""
        ...

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """log pi(u|x) in nats."""
        ...


@dataclass(frozen=True, eq=False)
class SquashedGaussianLaw:
    """A Gaussian squashed into the box by tanh; on the bound it reads an action as a millionth of the half-width inside."""

    mean: Features
    log_scale: Features
    center: np.ndarray
    half_width: np.ndarray

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """The image of the Gaussian's mean."""
        return self.center + self.half_width * np.tanh(self.mean(observation))

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Strictly inside the box."""
        return self.sample_and_log_prob(observation, rng)[0]

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The density from the pre-image, never through atanh."""
        z, log_base = _normal(self.mean(observation), self.log_scale(observation), rng)
        action = self.center + self.half_width * np.clip(np.tanh(z), -1.0 + MARGIN, 1.0 - MARGIN)
        return action, log_base - self._log_det(z)

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """log N(z) - sum log dtanh(z)/dz - sum log half_width, at z = atanh of the scaled action."""
        one, margin = self.half_width.dtype.type(1.0), self.half_width.dtype.type(MARGIN)
        z = np.arctanh(np.clip((action - self.center) / self.half_width, -one + margin, one - margin))
        return _log_normal(z, self.mean(observation), self.log_scale(observation)) - self._log_det(z)

    def _log_det(self, z: np.ndarray) -> np.ndarray:
        log_det = 2.0 * (LOG_TWO - z - np.logaddexp(0.0, -2.0 * z)) + np.log(self.half_width)
        return log_det.sum(axis=-1)


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """A Gaussian on the whole line, in units of the box."""

    mean: Features
    log_scale: Features
    center: np.ndarray
    half_width: np.ndarray

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """The mean."""
        return self.center + self.half_width * self.mean(observation)

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """May lie outside the box."""
        return self.sample_and_log_prob(observation, rng)[0]

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """log N(u) of the draw."""
        return _normal(self.mode(observation), self._log_scale(observation), rng)

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """log N(u)."""
        return _log_normal(action, self.mode(observation), self._log_scale(observation))

    def _log_scale(self, observation: np.ndarray) -> np.ndarray:
        return self.log_scale(observation) + np.log(self.half_width)


@dataclass(frozen=True, eq=False)
class CategoricalLaw:
    """softmax of the logits."""

    logits: Features

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """The most likely index."""
        return np.argmax(self.logits(observation), axis=-1)

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The largest of the logits with Gumbel noise."""
        return self.sample_and_log_prob(observation, rng)[0]

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """By one look at the logits."""
        logits = self.logits(observation)
        action = np.argmax(logits + rng.gumbel(size=logits.shape), axis=-1)
        return action, _log_softmax_at(logits, action)

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """log softmax at the index; -inf outside 0 .. n - 1."""
        logits = self.logits(observation)
        inside = (action >= 0) & (action < logits.shape[-1])
        return np.where(inside, _log_softmax_at(logits, np.where(inside, action, 0)), -np.inf)


@dataclass(frozen=True, eq=False)
class UniformLaw:
    """Uniform on the box, whatever is observed."""

    center: np.ndarray
    half_width: np.ndarray

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """The center, as likely as any other."""
        return np.broadcast_to(self.center, (*observation.shape[:-1], *self.center.shape))

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Anywhere in the box."""
        place = rng.uniform(-1.0, 1.0, (*observation.shape[:-1], *self.center.shape)).astype(self.center.dtype)
        return self.center + self.half_width * place

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The density is the same everywhere."""
        action = self.sample(observation, rng)
        return action, self.log_prob(observation, action)

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """-sum log of the widths."""
        return np.broadcast_to(-np.log(2.0 * self.half_width).sum(), observation.shape[:-1])


@dataclass(frozen=True, eq=False)
class UntilOverLaw:
    """One law while the episode runs, another once it is over: the last coordinate of an observation is 1."""

    running: Law
    over: Law

    def mode(self, observation: np.ndarray) -> np.ndarray:
        """Of the one or of the other."""
        return self._chosen(observation, self.over.mode(observation), self.running.mode(observation))

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Of the one or of the other."""
        return self._chosen(observation, self.over.sample(observation, rng), self.running.sample(observation, rng))

    def sample_and_log_prob(self, observation: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Of the one or of the other."""
        over, running = self.over.sample_and_log_prob(observation, rng), self.running.sample_and_log_prob(observation, rng)
        return self._chosen(observation, over[0], running[0]), self._chosen(observation, over[1], running[1])

    def log_prob(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Of the one or of the other."""
        return self._chosen(observation, self.over.log_prob(observation, action), self.running.log_prob(observation, action))

    @staticmethod
    def _chosen(observation: np.ndarray, over: np.ndarray, running: np.ndarray) -> np.ndarray:
        flag = (observation[..., -1] > 0.5).reshape(observation.shape[:-1] + (1,) * (running.ndim - observation.ndim + 1))
        return np.where(flag, over, running)


def _normal(mean: np.ndarray, log_scale: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A draw, and its log density from the standard draw that it was made of."""
    z = rng.standard_normal(mean.shape).astype(mean.dtype)
    return mean + np.exp(log_scale) * z, -np.sum(0.5 * z**2 + log_scale + 0.5 * LOG_TWO_PI, axis=-1)


def _log_softmax_at(logits: np.ndarray, action: np.ndarray) -> np.ndarray:
    log_probs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return np.take_along_axis(log_probs, action[..., None], axis=-1)[..., 0]


def _log_normal(x: np.ndarray, mean: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    z = (x - mean) * np.exp(-log_scale)
    return -np.sum(0.5 * z**2 + log_scale + 0.5 * LOG_TWO_PI, axis=-1)

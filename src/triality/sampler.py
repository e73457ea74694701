"""Densities, samplers, and the record that every objective sees.

A ``Sampler`` is a q whose density can be evaluated; without a density it is a kernel, not a Sampler. One sample in, one scalar out:
batching is the caller's ``vmap``. A conditional sampler is a function that returns one: ``policy(observation).log_prob(action)``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.devices.placement import spread

X = TypeVar("X")

PIECE = 128
"""Samples that are worked on together where memory counts: the scores of more no longer fit a cache."""


class AbstractDensity(eqx.Module, Generic[X]):
    """Something whose log density can be evaluated: data of known law, past policies, a robot, a model that runs elsewhere."""

    @abstractmethod
    def log_prob(self, x: X) -> Float[Array, ""]:
        """Normalized log density at one sample ``x``, with respect to the measure that the class names, in nats."""


class AbstractSampler(AbstractDensity[X]):
    """q of the paper: it can be sampled, and its density can be evaluated (section 3.1)."""

    @abstractmethod
    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[X, Float[Array, ""]]:
        """One draw and its log density. Where both are cheaper or more exact together, this is the place."""

    def sample(self, key: Key[Array, ""]) -> X:
        """One draw."""
        return self.sample_and_log_prob(key)[0]


class Samples(NamedTuple):
    """A weighted set of samples: what an objective sees, for ``data`` and for ``drawn`` alike.

    Fields:
        x: the samples, a pytree whose leaves have a leading axis of length n.
        log_q: log density of the sampler (or of the fused past samplers) at each sample, in nats.
        log_weight: 0 for one sample, -inf for a masked one. Weighted demonstrations, padding and replay are this one mechanism.

    Example:
        >>> import jax.numpy as jnp
        >>> Samples.unweighted(jnp.zeros((3, 2)), jnp.zeros(3)).log_weight.tolist()
        [0.0, 0.0, 0.0]
    """

    x: PyTree
    log_q: Float[Array, " n"]
    log_weight: Float[Array, " n"]

    @classmethod
    def unweighted(cls, x: PyTree, log_q: Float[Array, " n"]) -> Samples:
        """Every sample counts once."""
        return cls(x, log_q, jnp.zeros_like(log_q))


def draw(sampler: AbstractSampler[X], key: Key[Array, ""], num_samples: int) -> Samples:
    """``num_samples`` independent draws, each with its log density and weight one."""
    x, log_q = spread(jax.vmap(sampler.sample_and_log_prob)(spread(jax.random.split(key, num_samples))))
    return Samples.unweighted(x, log_q)


def in_pieces(function: Callable[[Any], Any], x: Any) -> Any:
    """``vmap``, a hundred or so at a time: what a sample needs on the way may be many times its own size, as the logits of a vocabulary."""
    return jax.lax.map(function, x, batch_size=PIECE)


def draw_in_pieces(sampler: AbstractSampler[Any], key: Key[Array, ""], num_samples: int) -> Samples:
    """``draw``, a hundred or so at a time: a draw of an autoregressive sampler passes over its units once a coordinate."""
    return Samples.unweighted(*in_pieces(sampler.sample_and_log_prob, jax.random.split(key, num_samples)))


def log_noise_ratio(data: Samples, drawn: Samples) -> Float[Array, ""]:
    """log nu, nu = (weight of the drawn samples) / (weight of the data): n_q / n_p where nothing is weighted (D1)."""
    return jax.nn.logsumexp(drawn.log_weight) - jax.nn.logsumexp(data.log_weight)

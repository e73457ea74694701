"""The protocol of a generator's gradient, and the two that need no gradient of the energy: none at all, and maximum likelihood.

A gradient is an object called as ``gradient(key, sampler, density, data)``; it returns a scalar whose derivative in its parameters
is an estimate of the one wanted. Whether the scalar's value means anything is for each to say. The density is frozen: no gradient
reaches the energy's parameters or log Z, and log Z, a constant, changes nothing but where D saturates.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import UnnormalizedDensity
from triality.objectives.likelihood import negative_log_likelihood
from triality.sampler import AbstractSampler, Samples


@runtime_checkable
class SamplerGradient(Protocol):
    """See the module. ``data`` is a minibatch; all but likelihood and its mixtures ignore it."""

    def __call__(
        self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples
    ) -> Float[Array, ""]: ...


class Fixed(eqx.Module):
    """The generator stays as it is: noise-contrastive estimation, and every experiment with a wrong q."""

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del key, sampler, density, data
        return jnp.zeros(())


class Likelihood(eqx.Module):
    """Minus the mean log likelihood of the data, in nats: KL(p || q) up to a constant, whatever the energy is. Covers modes."""

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del key, density
        return negative_log_likelihood(sampler, data)


class Hybrid(eqx.Module):
    """gradient + weight * likelihood: Flow-GAN's hybrid (Grover, Dhar, Ermon 2018, arXiv:1705.08868).

    Args:
        gradient: the adversarial part.
        weight: lambda, of the likelihood; 0 leaves ``gradient``, a large one leaves the likelihood.
    """

    gradient: SamplerGradient
    weight: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        return self.gradient(key, sampler, density, data) + self.weight * negative_log_likelihood(sampler, data)


def log_ratio(density: UnnormalizedDensity, x: Any, log_q: Float[Array, " n"]) -> Float[Array, " n"]:
    """log p_theta - log q at n samples, in nats."""
    return jax.vmap(density.log_prob)(x) - log_q

"""Maximum likelihood: of a density that is normalized already, and of an energy whose log Z is exact (section 2.4)."""

from __future__ import annotations

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, PyTree

from triality.numerics import weighted_mean
from triality.objectives.masking import filled
from triality.sampler import AbstractDensity, Samples


def negative_log_likelihood(density: AbstractDensity, data: Samples) -> Float[Array, ""]:
    """E_p[-log q(x)], in nats: what behavioral cloning and every directly trained generator minimize. No gradient through the data.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.samplers.gaussian import Gaussian
        >>> data = Samples.unweighted(jnp.zeros((4, 1)), jnp.zeros(4))
        >>> float(negative_log_likelihood(Gaussian(jnp.zeros(1), jnp.zeros(1)), data).__round__(4))
        0.9189
    """
    data = filled(data)
    return weighted_mean(-jax.vmap(density.log_prob)(data.x), data.log_weight)


def exact_energy_loss(
    energy: Callable[[PyTree], Float[Array, ""]], data: Samples, points: PyTree, log_volume: Float[Array, " points"]
) -> Float[Array, ""]:
    """E_p[E] + log sum_points exp(-E + log volume), in nats: exact on an enumerable space or a quadrature grid (eq. 1).

    Its gradient is E_p[dE] - E_{p_theta}[dE], the exact likelihood gradient that every sample-based loss here approximates.
    """
    data = filled(data)
    log_z = jax.nn.logsumexp(-jax.vmap(energy)(points) + log_volume)
    return weighted_mean(jax.vmap(energy)(data.x), data.log_weight) + log_z

"""Gradients through the sample: of the reverse KL by the total derivative, and by its path part alone (D7).

    total:   d/dphi mean[ E(x_phi) + log q_phi(x_phi) ]
    path:    d/dphi mean[ E(x_phi) + log q(x_phi) ],   q's parameters frozen in log q

Both are unbiased for d KL(q || p_theta), since E_q[d log q] = 0. The path gradient, "sticking the landing", has no variance at all where
q = p_theta; the total has, there, that of the score it carries. Need a sampler whose draws are differentiable in its parameters, and
continuous x. **The value of the path gradient's scalar is KL(q || p_theta) too**, up to log Z.

Reference: Roeder, Wu, Duvenaud 2017, arXiv:1703.09194.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from triality.devices.placement import spread
from triality.energies.sum import frozen
from triality.energy import UnnormalizedDensity
from triality.objectives.sampler import sum_loss
from triality.sampler import AbstractSampler, Samples
from triality.updates.sampler.gradient import log_ratio


class Reparameterized(eqx.Module):
    """The total derivative of KL(q || p_theta).

    Args:
        num_samples: draws of one gradient.
    """

    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x, log_q = jax.vmap(sampler.sample_and_log_prob)(spread(jax.random.split(key, self.num_samples)))
        return sum_loss(log_ratio(density, x, log_q))


class PathGradient(eqx.Module):
    """Its path part: one more evaluation of log q, at the draw, with frozen parameters.

    Args:
        num_samples: draws of one gradient.
    """

    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples)))
        return sum_loss(log_ratio(density, x, jax.vmap(frozen(sampler).log_prob)(x)))

"""A gradient through relaxed draws, for an energy that takes rows of weights in place of tokens: less noise than the score, and a bias.

    d E[ E(w) + temperature sum_t sum_v w_tv log q(v | w_{<t}) ],    w relaxed draws at tau

The bias vanishes as tau -> 0 where the noise explodes. With ``straight_through`` the value is that of tokens, their energy and log q, and
only the derivative is relaxed. Compare ``TokenScore``, which has no bias. References: arXiv:1611.01144, arXiv:1611.00712.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.devices.placement import spread
from triality.energy import UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples
from triality.samplers.tokens.relaxed import relaxed_draw


class GumbelSoftmax(eqx.Module):
    """See the module; wants an energy with ``relaxed``, as ``SequenceEnergy``.

    Args:
        tau: temperature of the relaxation.
        temperature: weight of log q; 1 for the reverse KL.
        straight_through: static.
        num_samples: draws of one gradient.
    """

    tau: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    straight_through: bool = eqx.field(default=True, static=True)
    num_samples: int = eqx.field(default=64, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        energy: Any = density.energy
        generator: Any = sampler

        def one(key: Key[Array, ""]) -> Float[Array, ""]:
            rows, log_q = relaxed_draw(key, generator, self.tau, self.straight_through)
            return energy.relaxed(rows) + self.temperature * log_q

        return jnp.mean(jax.vmap(one)(spread(jax.random.split(key, self.num_samples))))

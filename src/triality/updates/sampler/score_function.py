"""The score-function gradient of the reverse KL: for discrete samples, and for any other that cannot be reparameterized.

    mean_i[ (s_i - b_i) d log q(x_i) ],    s = E(x) + log q(x),    b_i = mean of s over the other draws

Unbiased: b_i does not depend on x_i. Its variance is that of s over q, which vanishes at q = p_theta, where s is constant. The value of the
scalar means nothing.
References: Williams 1992 (REINFORCE); Kool, van Hoof, Welling 2019 (the leave-one-out baseline).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.devices.placement import spread
from triality.energy import UnnormalizedDensity
from triality.objectives.sampler import score_function_loss
from triality.sampler import AbstractSampler, Samples
from triality.updates.sampler.gradient import log_ratio


class ScoreFunction(eqx.Module):
    """REINFORCE with a leave-one-out baseline.

    Args:
        num_samples: draws of one gradient, at least two.
    """

    num_samples: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x = jax.lax.stop_gradient(jax.vmap(sampler.sample)(spread(jax.random.split(key, self.num_samples))))
        log_q = jax.vmap(sampler.log_prob)(x)
        signal = jax.lax.stop_gradient(-log_ratio(density, x, log_q))
        others = (jnp.sum(signal) - signal) / (self.num_samples - 1)
        return score_function_loss(signal - others, log_q)

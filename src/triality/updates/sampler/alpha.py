"""Gradients of divergences that do not drop modes, from importance-weighted draws of q itself.

    power 1:  d KL(p_theta || q)      = -E_q[ w d log q ]         w = p_theta/q
    power 2:  d log E_q[ w^2 ]        = -E_q[ w^2 d log q ] / E_q[ w^2 ]

    estimate: -sum_i softmax(power * log w)_i d log q(x_i)

At power 2 what falls is the variance of the importance weights, chi^2(p_theta || q): the sampler is trained to be a good proposal. A mode
that q has **never** visited weighs nothing in either: for that, draws are moved toward the target first (``AnnealedLikelihood``). The
self-normalized estimate is biased by O(1/n), and by much more at an effective sample size of a few; log Z cancels. The value of
the scalar means nothing.

References: Bornschein, Bengio 2015 (reweighted wake-sleep); Müller et al. 2019 (neural importance sampling); Midgley et al. 2023 (FAB).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples, draw
from triality.updates.sampler.gradient import log_ratio


class WeightedLikelihood(eqx.Module):
    """Likelihood of q's own draws under self-normalized weights (p_theta/q)^power.

    Args:
        power: 1 for the forward KL, 2 for the variance of the weights.
        num_samples: draws of one gradient.
    """

    power: Float[Array, ""] = eqx.field(default=2.0, converter=jnp.asarray)
    num_samples: int = eqx.field(default=512, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        x, log_q, _ = jax.lax.stop_gradient(draw(sampler, key, self.num_samples))
        weight = jax.nn.softmax(self.power * log_ratio(density, x, log_q))
        return -jnp.sum(jax.lax.stop_gradient(weight) * jax.vmap(sampler.log_prob)(x))

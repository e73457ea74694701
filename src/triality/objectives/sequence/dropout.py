"""Likelihood of a generator of tokens with dropout: what keeps it from learning a small corpus by heart (Zaremba et al. 2014).

    -sum_t log softmax( head( m'_t * core(m_0 * u_0, ..., m_t * u_t) ) )[x_t],     m, m' zero with probability rate, else 1/(1 - rate)

Only on the way in and out, never from one step to the next, so that what is remembered stays. The generator itself knows nothing of it: its
law, and what it draws, are without. The value is no likelihood; judge by that of held-out data. Reference: arXiv:1409.2329.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.numerics import weighted_mean
from triality.sampler import Samples
from triality.samplers.tokens.choice import log_share
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import TokenSampler


class DropoutLikelihood(eqx.Module):
    """See the module.

    Args:
        rate: share of the embedded inputs, and of the features, that is left out; in [0, 1).

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, data = gru(jax.random.key(0), length=3, vocabulary=4), Samples.unweighted(jnp.zeros((2, 3), int), jnp.zeros(2))
        >>> float(DropoutLikelihood(0.5)(jax.random.key(1), q, data, jnp.array(0)).round(4))  # uniform yet: 3 log 4
        4.1589
    """

    rate: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        del iteration
        keys = jax.random.split(key, data.log_weight.shape[0])
        return weighted_mean(jax.vmap(lambda key, x: _one(key, sampler, x, self.rate))(keys, data.x), data.log_weight)


def _one(key: Key[Array, ""], sampler: TokenSampler, x: Int[Array, " length"], rate: Float[Array, ""]) -> Float[Array, ""]:
    key_in, key_out = jax.random.split(key)
    inputs = _dropped(key_in, sampler.inputs(x), rate)
    features = _dropped(key_out, sampler.core.over(inputs), rate)
    log_probs = jax.vmap(log_share)(jax.vmap(sampler.head)(features), x)
    return -jnp.sum(jnp.where(real_places(x, sampler.end), log_probs, 0.0))


def _dropped(key: Key[Array, ""], values: Float[Array, "length size"], rate: Float[Array, ""]) -> Float[Array, "length size"]:
    return jnp.where(jax.random.uniform(key, values.shape) < rate, 0.0, values / (1.0 - rate))

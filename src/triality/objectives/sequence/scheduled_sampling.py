"""Scheduled sampling (Bengio et al. 2015): the likelihood of the data's tokens, some of the tokens before them being the model's own.

    -sum_t log q(x_t | y_{<t}),      y_t = x_t with probability share, else a draw from q(. | y_{<t}); no gradient through y

At share 1 it is maximum likelihood. Below 1 it is **not a consistent objective**: at share 0 the second of two tokens is predicted from a
first that has nothing to do with it, and the optimum is the product of the marginals (Huszár 2015, arXiv:1511.05101). Judge what comes of
it by the likelihood of held-out data, never by this loss.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from triality.numerics import weighted_mean
from triality.objectives.sequence.schedules import ConstantShare, Schedule
from triality.sampler import Samples
from triality.samplers.tokens.choice import draw_token, log_share
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import TokenSampler


class ScheduledSampling(eqx.Module):
    """See the module.

    Args:
        share: of the tokens fed that are the data's; ``LinearDecay``, ``ExponentialDecay`` or ``InverseSigmoidDecay``.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, data = gru(jax.random.key(0), length=3, vocabulary=4), Samples.unweighted(jnp.zeros((2, 3), int), jnp.zeros(2))
        >>> float(ScheduledSampling()(jax.random.key(1), q, data, jnp.array(0)).round(4))  # uniform yet: 3 log 4
        4.1589
    """

    share: Schedule = ConstantShare(0.5)

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        share = self.share(iteration)
        keys = jax.random.split(key, data.log_weight.shape[0])
        losses = jax.vmap(lambda key, x: _one(key, sampler, x, share))(keys, data.x)
        return weighted_mean(losses, data.log_weight)


def _one(key: Key[Array, ""], sampler: TokenSampler, x: Int[Array, " length"], share: Float[Array, ""]) -> Float[Array, ""]:
    key_own, key_tokens = jax.random.split(key)
    is_own = jax.random.uniform(key_own, x.shape) >= share

    def step(carry: tuple, given: tuple) -> tuple:
        key, token, own = given
        memory, logits = _next(sampler, carry)
        drawn, _ = draw_token(key, jax.lax.stop_gradient(logits))
        return (memory, jnp.where(own, drawn, token).astype(jnp.int32)), log_share(logits, token)

    begin = (sampler.core.start(sampler.length), jnp.asarray(sampler.vocabulary, jnp.int32))
    _, log_probs = jax.lax.scan(step, begin, (jax.random.split(key_tokens, sampler.length), x, is_own))
    real: Bool[Array, " length"] = real_places(x, sampler.end)
    return -jnp.sum(jnp.where(real, log_probs, 0.0))


def _next(sampler: TokenSampler, carry: tuple) -> tuple:
    memory, last = carry
    memory, h = sampler.core.step(memory, sampler.embedding[last])
    return memory, sampler.head(h)

"""Relaxed draws: rows of weights over the vocabulary that are differentiable in the generator (Gumbel-softmax, concrete distribution).

    w_t = softmax( (log q(. | w_{<t}) + g) / tau ),    g Gumbel noise;    next input  sum_v w_tv e(v)

As tau -> 0 a row becomes a token of the generator's own law, and its gradient grows without bound; at tau > 0 the row is no token, and
every gradient taken through it is biased. ``straight_through`` hands on the token, and differentiates as if it had been the row.

References: Jang, Gu, Poole, arXiv:1611.01144; Maddison, Mnih, Teh, arXiv:1611.00712.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import TokenSampler


def relaxed_draw(
    key: Key[Array, ""], sampler: TokenSampler, tau: float | Float[Array, ""], straight_through: bool = False
) -> tuple[Float[Array, "length vocabulary"], Float[Array, ""]]:
    """Rows of weights, and sum_t sum_v w_tv log q(v | w_{<t}): log q itself where the rows are tokens. After an end, rows of the end token.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q = gru(jax.random.key(0), length=3, vocabulary=4)
        >>> rows, log_q = relaxed_draw(jax.random.key(1), q, 0.5, straight_through=True)
        >>> bool(jnp.abs(q.log_prob(jnp.argmax(rows, axis=-1)) - log_q) < 1e-5)
        True
    """
    size = sampler.vocabulary

    def step(carry: tuple, key: Key[Array, ""]) -> tuple:
        memory, u, is_open = carry
        memory, h = sampler.core.step(memory, u)
        log_law = jax.nn.log_softmax(sampler.head(h))
        row = jax.nn.softmax((log_law + jax.random.gumbel(key, (size,), log_law.dtype)) / tau)
        token = jnp.argmax(row)
        if straight_through:
            row = row + jax.lax.stop_gradient(jax.nn.one_hot(token, size, dtype=row.dtype) - row)
        log_q = jnp.sum(row * log_law)
        if sampler.end is not None:
            row = jnp.where(is_open, row, jax.nn.one_hot(sampler.end, size, dtype=row.dtype))
            log_q, is_open = jnp.where(is_open, log_q, 0.0), is_open & (token != sampler.end)
        return (memory, row @ sampler.embedding[:-1], is_open), (row, log_q)

    begin = sampler.core.start(sampler.length), sampler.embedding[-1], jnp.array(True)
    rows, log_q = jax.lax.scan(step, begin, jax.random.split(key, sampler.length))[1]
    return rows, jnp.sum(log_q)


def relaxed_log_prob(sampler: TokenSampler, rows: Float[Array, "length vocabulary"]) -> Float[Array, ""]:
    """sum_t sum_v w_tv log q(v | w_{<t}) of given rows, up to an end token; log q where they are tokens.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, x = gru(jax.random.key(0), length=3, vocabulary=4), jnp.array([2, 0, 1])
        >>> bool(jnp.allclose(relaxed_log_prob(q, jax.nn.one_hot(x, 4)), q.log_prob(x), atol=1e-5))
        True
    """
    inputs = jnp.concatenate([sampler.embedding[-1:], rows[:-1] @ sampler.embedding[:-1]])
    log_law = jax.nn.log_softmax(jax.vmap(sampler.head)(sampler.core.over(inputs)))
    real = real_places(jnp.argmax(rows, axis=-1), sampler.end)
    return jnp.sum(jnp.where(real, jnp.sum(rows * log_law, axis=-1), 0.0))

"""One token by one uniform number: inverse of the cumulative distribution, in two levels, so that a large vocabulary costs one pass.

    u ~ U(0, 1);    block by the cumulative sums of the blocks' masses, then the token by those inside the block

Gumbel noise would need a random number for every token of the vocabulary. What comes with the draw is log softmax at the token, from the
same exponentials; the law of the draw differs from it by the rounding of a cumulative sum, about 1e-7 in single precision.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


def draw_token(key: Key[Array, ""], logits: Float[Array, " vocabulary"]) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """A token of law softmax(logits) and its log probability; never one of logit -inf. One finite logit at least is the caller's to ensure.

    Example:
        >>> token, log_q = draw_token(jax.random.key(0), jnp.array([-jnp.inf, 0.0, -jnp.inf]))
        >>> int(token), float(log_q)
        (1, 0.0)
    """
    size = logits.shape[0]
    width = math.isqrt(size - 1) + 1
    highest = jax.lax.stop_gradient(jnp.max(logits))
    mass = jnp.exp(logits - highest)
    blocks = jnp.pad(mass, (0, -size % width)).reshape(-1, width)
    up_to = jnp.cumsum(jnp.sum(blocks, axis=-1))
    target = jax.random.uniform(key, dtype=logits.dtype) * up_to[-1]
    block = _first_above(up_to, target)
    inside = blocks[block]
    rest = target - jnp.where(block > 0, up_to[block - 1], 0.0)
    token = block * width + _first_above(jnp.cumsum(inside), rest)
    return token.astype(jnp.int32), logits[token] - highest - jnp.log(up_to[-1])


def _first_above(up_to: Float[Array, " n"], target: Float[Array, ""]) -> Int[Array, ""]:
    """First index whose cumulative mass exceeds the target; where rounding leaves none, the last one that has mass."""
    rises = up_to > jnp.concatenate([jnp.zeros(1, up_to.dtype), up_to[:-1]])
    last = jnp.max(jnp.where(rises, jnp.arange(up_to.shape[0]), 0))
    return jnp.minimum(jnp.sum(up_to <= target), last)


def log_share(logits: Float[Array, " vocabulary"], token: Int[Array, ""]) -> Float[Array, ""]:
    """log softmax(logits)[token] without the other entries; -inf for a token outside the vocabulary.

    Example:
        >>> float(log_share(jnp.log(jnp.array([1.0, 3.0])), jnp.array(1)).round(4)), float(log_share(jnp.zeros(2), jnp.array(2)))
        (-0.2877, -inf)
    """
    inside = (token >= 0) & (token < logits.shape[0])
    return jnp.where(inside, logits[jnp.clip(token, 0, logits.shape[0] - 1)] - jax.nn.logsumexp(logits), -jnp.inf)

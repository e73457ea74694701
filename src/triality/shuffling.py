"""A random order for minibatches, by one sort of plain integers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from triality.errors import ConfigError

MOST = 2**24
"""Indices that are sorted by 32 bits: 256 random values are then left for the upper ones."""


def order_for_blocks(key: Key[Array, ""], size: int) -> Int[Array, " size"]:
    """0 ... size - 1 in an order whose consecutive blocks are random samples without replacement; within a block it need not be random.

    Each index is put below random upper bits, and these numbers are sorted, once, where ``jax.random.permutation`` sorts pairs, and twice:
    on a CPU that is a good part of a policy update. Indices with the same upper bits stay side by side in their order, and the sum over a
    minibatch does not know its order.

    Raises:
        ConfigError: more than 2^24 indices, for which too few upper bits are left.

    Example:
        >>> sorted(order_for_blocks(jax.random.key(0), 5).tolist())
        [0, 1, 2, 3, 4]
    """
    if size > MOST:
        raise ConfigError(f"expected at most {MOST:,} steps to shuffle, got {size:,}; take fewer roll-outs, or shorter ones")
    lower = max(size - 1, 1).bit_length()
    upper = jax.random.bits(key, (size,), jnp.uint32) << lower
    return (jnp.sort(upper | jnp.arange(size, dtype=jnp.uint32)) & ((1 << lower) - 1)).astype(jnp.int32)

"""Sequences that end: which of the places of a padded array are decisions.

A sequence of at most T tokens is an array of T places. With an end token, the places after its first one hold the end token again: there
nothing is decided, and the density there is one. A sequence of T tokens needs no end token: its end is forced. So the strings of at most T
tokens have one array each, and the density sums to one over them.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int


def real_places(x: Int[Array, " length"], end: int | None) -> Bool[Array, " length"]:
    """True up to the first end token, that one included; everywhere without an end token.

    Example:
        >>> real_places(jnp.array([2, 0, 0]), end=0).tolist(), real_places(jnp.array([2, 0, 0]), None).tolist()
        ([True, True, False], [True, True, True])
    """
    if end is None:
        return jnp.ones(x.shape, bool)
    return jnp.cumsum(x == end) - (x == end) == 0


def num_real(x: Int[Array, " length"], end: int | None) -> Int[Array, ""]:
    """Decisions in a sequence, its end token counted: what "a token" means in nats a token."""
    return jnp.sum(real_places(x, end))

"""Samples of weight zero are padding: whatever stands there must reach neither a loss nor its gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

from triality.sampler import Samples


def filled(samples: Samples) -> Samples:
    """Masked samples (log weight -inf) replaced by copies of the heaviest one, before any energy is evaluated.

    Giving the *result* weight zero is not enough: the derivative of a network at NaN is NaN, and zero times NaN is NaN.

    Example:
        >>> import jax.numpy as jnp
        >>> padded = Samples(jnp.array([1.0, jnp.nan]), jnp.array([2.0, jnp.nan]), jnp.array([0.0, -jnp.inf]))
        >>> filled(padded).x.tolist(), filled(padded).log_q.tolist()
        ([1.0, 1.0], [2.0, 2.0])
    """
    masked = jnp.isneginf(samples.log_weight)
    heaviest = jnp.argmax(samples.log_weight)

    def fill(leaf: Array) -> Array:
        return jnp.where(masked.reshape((-1,) + (1,) * (leaf.ndim - 1)), leaf[heaviest], leaf)

    return Samples(jax.tree.map(fill, samples.x), fill(samples.log_q), samples.log_weight)

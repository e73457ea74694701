"""Modes and their quality, by VEEGAN's definitions (Srivastava et al. 2017), as PacGAN's tables use them.

    high quality: a draw within 3 standard deviations of a mode
    captured: a mode that is nearest to at least one high-quality draw
    KL of the histogram: sum_k h_k log(h_k/w_k), h the shares of the modes among high-quality draws ("reverse KL" in PacGAN)

In two dimensions a perfect generator's share of high quality is 1 - exp(-9/2) = 98.9 %. Count 2,500 draws, as the published tables do.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class ModeCounts(NamedTuple):
    """What became of the modes.

    Fields:
        captured: modes with a high-quality draw.
        high_quality: share of draws within three standard deviations of a mode.
        kl_histogram: sum h log(h/w), nats; 0 = every mode has its share; log(K/k) where k of K equal modes are hit alike.
        kl_weights: sum w log(w/h), nats; infinite as soon as one mode is missed.
    """

    captured: Float[Array, ""]
    high_quality: Float[Array, ""]
    kl_histogram: Float[Array, ""]
    kl_weights: Float[Array, ""]


def mode_counts(
    x: Float[Array, "n dim"], modes: Float[Array, "k dim"], scale: Float[Array, ""] | float, weights: Float[Array, " k"] | None = None
) -> ModeCounts:
    """Counts of draws ``x`` against ``modes`` of standard deviation ``scale``; ``weights`` are equal if None.

    Example:
        >>> modes = jnp.array([[0.0], [10.0]])
        >>> counts = mode_counts(jnp.array([[0.1], [-2.0], [5.0], [0.3]]), modes, 1.0)
        >>> [round(float(value), 4) for value in counts]  # one of two modes, three of four draws, log 2
        [1.0, 0.75, 0.6931, inf]
    """
    num_modes = modes.shape[0]
    weights = jnp.full(num_modes, 1.0 / num_modes) if weights is None else weights / jnp.sum(weights)
    distance = jnp.sqrt(jnp.sum((x[:, None] - modes[None]) ** 2, axis=-1))
    good = jnp.min(distance, axis=1) <= 3.0 * scale
    counts = jnp.sum((jnp.argmin(distance, axis=1)[:, None] == jnp.arange(num_modes)) & good[:, None], axis=0)
    shares = counts / jnp.maximum(jnp.sum(counts), 1)
    seen = shares > 0
    log_ratio = jnp.log(jnp.where(seen, shares, 1.0)) - jnp.log(weights)
    return ModeCounts(
        captured=jnp.sum(seen).astype(float),
        high_quality=jnp.mean(good.astype(float)),
        kl_histogram=jnp.where(jnp.any(seen), jnp.sum(jnp.where(seen, shares * log_ratio, 0.0)), jnp.nan),
        kl_weights=jnp.where(jnp.all(seen), -jnp.sum(weights * log_ratio), jnp.inf),
    )

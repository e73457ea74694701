"""Weighted means and sums in log space. Nothing here forms exp(-cost), q or D."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def log_mean_exp(values: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """log of the weighted mean of exp(values): logsumexp(values + log_weight) - logsumexp(log_weight).

    Example:
        >>> import jax.numpy as jnp
        >>> float(log_mean_exp(jnp.log(jnp.array([1.0, 3.0]))).__round__(6))
        0.693147
    """
    if log_weight is None:
        return jax.nn.logsumexp(values) - jnp.log(values.shape[0])
    values = jnp.where(jnp.isneginf(log_weight), 0.0, values)
    return jax.nn.logsumexp(values + log_weight) - jax.nn.logsumexp(log_weight)


def weighted_mean(values: Float[Array, " n"], log_weight: Float[Array, " n"]) -> Float[Array, ""]:
    """Mean of ``values`` under weights exp(log_weight), normalized. A value whose weight is zero is never touched, NaN or not.

    Example:
        >>> import jax.numpy as jnp
        >>> float(weighted_mean(jnp.array([1.0, 3.0, jnp.nan]), jnp.array([0.0, 0.0, -jnp.inf])))
        2.0
    """
    values = jnp.where(jnp.isneginf(log_weight), 0.0, values)
    return jnp.sum(jax.nn.softmax(log_weight) * values)


def effective_sample_size(log_weight: Float[Array, " n"]) -> Float[Array, ""]:
    """(sum w)^2 / sum w^2 in log space: n for constant weights, 1 for a single spike, 0 if every weight is zero.

    Example:
        >>> import jax.numpy as jnp
        >>> float(effective_sample_size(jnp.zeros(5)).__round__(4))
        5.0
    """
    total = jax.nn.logsumexp(log_weight)
    empty = jnp.isneginf(total)
    safe = jnp.where(empty, jnp.zeros_like(log_weight), log_weight)
    size = jnp.exp(2.0 * jax.nn.logsumexp(safe) - jax.nn.logsumexp(2.0 * safe))
    return jnp.where(empty, 0.0, size)

"""Weighted means and sums in log space. Nothing here forms exp(-cost), q or D.

Where the samples are spread over devices, ``over`` says how sums are taken: see ``triality.reduction``.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.reduction import HERE, Reduction


def log_mean_exp(values: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None, over: Reduction = HERE) -> Float[Array, ""]:
    """log of the weighted mean of exp(values): logsumexp(values + log_weight) - logsumexp(log_weight).

    Example:
        >>> import jax.numpy as jnp
        >>> float(log_mean_exp(jnp.log(jnp.array([1.0, 3.0]))).__round__(6))
        0.693147
    """
    if log_weight is None:
        return over.log_sum_exps(values)[0] - jnp.log(over.size(values.shape[0]))
    values = jnp.where(jnp.isneginf(log_weight), 0.0, values)
    upper, lower = over.log_sum_exps(values + log_weight, log_weight)
    return upper - lower


def weighted_mean(values: Float[Array, " n"], log_weight: Float[Array, " n"], over: Reduction = HERE) -> Float[Array, ""]:
    """Mean of ``values`` under weights exp(log_weight), normalized. A value whose weight is zero is never touched, NaN or not.

    Example:
        >>> import jax.numpy as jnp
        >>> float(weighted_mean(jnp.array([1.0, 3.0, jnp.nan]), jnp.array([0.0, 0.0, -jnp.inf])))
        2.0
    """
    values = jnp.where(jnp.isneginf(log_weight), 0.0, values)
    return over.total(over.softmax(log_weight) * values)


def effective_sample_size(log_weight: Float[Array, " n"], over: Reduction = HERE) -> Float[Array, ""]:
    """(sum w)^2 / sum w^2 in log space: n for constant weights, 1 for a single spike, 0 if every weight is zero.

    Example:
        >>> import jax.numpy as jnp
        >>> float(effective_sample_size(jnp.zeros(5)).__round__(4))
        5.0
    """
    total = over.log_sum_exps(log_weight)[0]
    empty = jnp.isneginf(total)
    safe = jnp.where(empty, jnp.zeros_like(log_weight), log_weight)
    of_safe, of_squares = over.log_sum_exps(safe, 2.0 * safe)
    size = jnp.exp(2.0 * of_safe - of_squares)
    return jnp.where(empty, 0.0, size)

"""Perplexity of a tilted model, whose log Z is estimated from n draws, between two bounds (Deng et al. 2020, theorem 2).

    T_n = log( (1/n) sum_i exp(-f(x_i)) ),   x_i from q:      E[T_n]  <=  log Z  <=  E[ (2n - 1) T_n - 2(n - 1) T_{n-1} ]    (n large)

The first is Jensen's; the second turns the first-order bias, -Var/(2n), around. T_{n-1} is the mean over the n ways of leaving one out.
Bounds in expectation and for large n: two that lie apart by more than the accuracy wanted say that n is too small; two that agree say
nothing of what q never draws. Reference: Deng, Bakhtin, Ott, Szlam, Ranzato, Residual energy-based models, arXiv:2004.11714.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class LogZBounds(NamedTuple):
    """Nats.

    Fields:
        low: T_n.
        high: (2n - 1) T_n - 2(n - 1) T_{n-1}.
    """

    low: Float[Array, ""]
    high: Float[Array, ""]


def log_z_bounds(log_ratio: Float[Array, " n"]) -> LogZBounds:
    """Both, from -f of n draws of q; for a density that is no tilt, log p_theta unnormalized minus log q.

    Example:
        >>> bounds = log_z_bounds(jnp.log(jnp.array([1.0, 2.0, 3.0, 2.0])))
        >>> float(bounds.low.round(4)), float(bounds.high.round(4))
        (0.6931, 0.7354)
    """
    n = log_ratio.shape[0]
    total = jax.nn.logsumexp(log_ratio)
    low = total - jnp.log(n)
    # T_n - T_{n-1} = -log((1 - w)/(1 - 1/n)), w the normalized weight left out: near zero, and multiplied by 2(n - 1) below.
    weight = jnp.minimum(jnp.exp(log_ratio - total), 1.0 - jnp.finfo(log_ratio.dtype).eps)
    fall = -jnp.log1p(-(weight - 1.0 / n) / (1.0 - 1.0 / n))
    return LogZBounds(low, low + 2 * (n - 1) * jnp.mean(fall))


class PerplexityBounds(NamedTuple):
    """exp of minus the mean log likelihood a token.

    Fields:
        low: with the lower bound of log Z.
        high: with the upper one.
    """

    low: Float[Array, ""]
    high: Float[Array, ""]


def perplexity_bounds(log_unnormalized: Float[Array, " m"], num_tokens: Float[Array, ""] | float, log_z: LogZBounds) -> PerplexityBounds:
    """Of m held-out sequences.

    Args:
        log_unnormalized: log q - f of each, nats.
        num_tokens: of all of them together, end tokens counted.
        log_z: of a sequence.

    Example:
        >>> bounds = perplexity_bounds(jnp.log(jnp.array([0.25, 0.25])), 4.0, LogZBounds(jnp.array(0.0), jnp.log(4.0)))
        >>> float(bounds.low.round(4)), float(bounds.high.round(4))
        (2.0, 4.0)
    """
    total, m = jnp.sum(log_unnormalized), log_unnormalized.shape[0]
    return PerplexityBounds(*(jnp.exp((m * each - total) / num_tokens) for each in log_z))

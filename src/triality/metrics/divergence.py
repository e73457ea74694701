"""Kullback-Leibler divergences both ways between densities that can be evaluated, by samples or by sums.

    forward = KL(p||q) = E_p[log p - log q]   punishes what q misses          (p: target or data, q: generator)
    reverse = KL(q||p) = E_q[log q - log p]   punishes what q invents

By samples both are plain means with a standard error; both densities must be normalized, with respect to one measure. A small reverse KL is
no sign that all modes are there: log K is its value for one of K equal modes. Report both.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.metrics.likelihood import paired_difference


class MonteCarlo(NamedTuple):
    """A mean over samples.

    Fields:
        value: nats; a negative one within a few errors of zero is noise, beyond it a density that is not normalized.
        stderr: standard error, in nats; nan where the value is infinite.
    """

    value: Float[Array, ""]
    stderr: Float[Array, ""]


class TableDivergences(NamedTuple):
    """Exact divergences on a finite space.

    Fields:
        forward: KL(p||q), nats; infinite where q is zero and p is not.
        reverse: KL(q||p), nats.
        jensen_shannon: KL of each to (p + q)/2, averaged; at most log 2.
        total_variation: sum |p - q|/2, from 0 to 1.
    """

    forward: Float[Array, ""]
    reverse: Float[Array, ""]
    jensen_shannon: Float[Array, ""]
    total_variation: Float[Array, ""]


def monte_carlo_kl(log_prob_own: Float[Array, " n"], log_prob_other: Float[Array, " n"]) -> MonteCarlo:
    """KL(own||other) from samples of the first: mean of log own - log other. Forward with p's samples, reverse with q's.

    Example:
        >>> result = monte_carlo_kl(jnp.array([-1.0, -1.0]), jnp.array([-2.0, -4.0]))
        >>> float(result.value), float(result.stderr)
        (2.0, 1.0)
    """
    difference = paired_difference(log_prob_own, log_prob_other)
    return MonteCarlo(difference.mean, jnp.where(jnp.isfinite(difference.mean), difference.stderr, jnp.nan))


def table_divergences(log_p: Float[Array, " states"], log_q: Float[Array, " states"]) -> TableDivergences:
    """All four, exactly, from tables of log probabilities; both are normalized first.

    Example:
        >>> p, q = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.75, 0.25]))
        >>> [round(float(value), 4) for value in table_divergences(p, q)]  # forward: log(4/3)/2
        [0.1438, 0.1308, 0.0338, 0.25]
    """
    log_p, log_q = jax.nn.log_softmax(log_p), jax.nn.log_softmax(log_q)
    log_m = jnp.logaddexp(log_p, log_q) - jnp.log(2.0)
    return TableDivergences(
        forward=_kl(log_p, log_q),
        reverse=_kl(log_q, log_p),
        jensen_shannon=0.5 * (_kl(log_p, log_m) + _kl(log_q, log_m)),
        total_variation=0.5 * jnp.sum(jnp.abs(jnp.exp(log_p) - jnp.exp(log_q))),
    )


def _kl(log_p: Float[Array, " states"], log_q: Float[Array, " states"]) -> Float[Array, ""]:
    """States of probability zero add nothing."""
    absent = jnp.isneginf(log_p)
    return jnp.sum(jnp.where(absent, 0.0, jnp.exp(log_p) * (jnp.where(absent, 0.0, log_p) - jnp.where(absent, 0.0, log_q))))

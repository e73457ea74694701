"""Log likelihood of held-out data, with its standard error, and the same in bits a dimension.

    mean = sum_i log p(x_i)/n,     stderr = sd(log p)/sqrt n,     bits = -(mean + log |dx'/dx|)/(d log 2)

A sample of density zero makes the mean -inf: it is counted, never left out. The error is that of the data's draw, for a fixed model; an
estimated log Z in log p adds its own, which all samples share.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Likelihood(NamedTuple):
    """Mean log likelihood of a data set.

    Fields:
        mean: nats a sample; higher is better, and for continuous data it may be positive.
        stderr: standard error of the mean, in nats; nan for one sample or where a density is zero.
        num_impossible: samples of density zero: what the model's support misses.
    """

    mean: Float[Array, ""]
    stderr: Float[Array, ""]
    num_impossible: Float[Array, ""]


def log_likelihood(log_prob: Float[Array, " n"]) -> Likelihood:
    """Mean and standard error of log densities at held-out samples.

    Example:
        >>> result = log_likelihood(jnp.array([-1.0, -3.0]))  # standard deviation sqrt 2
        >>> float(result.mean), float(result.stderr.round(6)), float(result.num_impossible)
        (-2.0, 1.0, 0.0)
    """
    impossible = jnp.isneginf(log_prob)
    safe = jnp.where(jnp.any(impossible), jnp.nan, log_prob)
    n = log_prob.shape[0]
    stderr = jnp.std(safe, ddof=1) / math.sqrt(n) if n > 1 else jnp.full((), jnp.nan, log_prob.dtype)
    return Likelihood(jnp.mean(log_prob), stderr, jnp.sum(impossible).astype(log_prob.dtype))


def bits_per_dim(mean: Float[Array, ""] | float, dim: int, log_jacobian: Float[Array, ""] | float = 0.0) -> Float[Array, ""]:
    """Nats a sample to bits a coordinate: lower is better.

    Args:
        mean: log likelihood a sample of the model's own variable x', in nats.
        dim: number of coordinates.
        log_jacobian: log |dx'/dx| of the map from the data to the model's variable, nats a sample. Data that were scaled have one: without
            it the figure is comparable with nobody's. Minus the sum of log scales, where columns were divided by them.

    Example:
        >>> float(bits_per_dim(-8.0 * math.log(2.0), 4))  # uniform over 2^8 images of four pixels
        2.0
    """
    return -(jnp.asarray(mean, float) + log_jacobian) / (dim * math.log(2.0))


def paired_difference(log_prob: Float[Array, " n"], other: Float[Array, " n"]) -> Likelihood:
    """Mean of log p(x_i) - log p'(x_i) over the same samples: positive where the first model is better.

    Two models err on the same samples, so the error of the difference is far smaller than two errors added. Where both densities are zero
    the difference counts as 0.

    Example:
        >>> result = paired_difference(jnp.array([-1.0, -3.0]), jnp.array([-2.0, -4.0]))
        >>> float(result.mean), float(result.stderr)
        (1.0, 0.0)
    """
    neither = jnp.isneginf(log_prob) & jnp.isneginf(other)
    return log_likelihood(jnp.where(neither, 0.0, log_prob - other))

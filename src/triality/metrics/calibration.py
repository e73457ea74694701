"""Is the discriminator's probability a probability? Reliability of D = sigmoid(r - log nu) on data and draws that trained nothing.

    r = log p_theta - log q,     nu = draws over data: the prior odds of the pooled samples, from their numbers
    in bins of equal counts of D:   predicted = mean of D,   observed = share of data
    expected error = sum over bins |predicted - observed| times the bin's share,     Brier = mean (D - label)^2

D is calibrated where p_theta with its log Z is p on average over each level of D. A necessary sign, not a sufficient one: the constant
D = 1/(1 + nu) is calibrated too. Predictions near 0 and 1 that fail are an energy too steep, a curve off to one side a wrong log Z.

References: Brier 1950; Niculescu-Mizil and Caruana 2005 (reliability); Naeini, Cooper, Hauskrecht 2015 (expected error, bins of equal
counts); Wilson 1927 (the interval of a share).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.errors import ConfigError


class Calibration(NamedTuple):
    """The reliability curve and its summaries.

    Fields:
        predicted: mean D of each bin, rising.
        observed: share of data in each bin.
        low, high: 95 % interval of that share (Wilson).
        count: samples in each bin.
        expected_error: mean |predicted - observed| over bins; near 0 for a calibrated D, of the order of 1/sqrt(samples a bin) by chance.
        brier: mean squared error of D; 1/4 where nothing can be told apart at nu = 1 (nu/(1 + nu)^2 in general), 0 where everything can.
        log_loss: cross-entropy, nats; log 2 where nothing can be told apart at nu = 1. Infinite after one certain error.
    """

    predicted: Float[Array, " bins"]
    observed: Float[Array, " bins"]
    low: Float[Array, " bins"]
    high: Float[Array, " bins"]
    count: Float[Array, " bins"]
    expected_error: Float[Array, ""]
    brier: Float[Array, ""]
    log_loss: Float[Array, ""]


def calibration(log_ratio_data: Float[Array, " n"], log_ratio_drawn: Float[Array, " m"], num_bins: int = 10) -> Calibration:
    """Reliability of D from log p_theta - log q at data and at draws. Every sample counts once; nu = m/n enters by the prior.

    Args:
        log_ratio_data: -E - log Z - log q at held-out data, nats; without log nu.
        log_ratio_drawn: the same at fresh draws.
        num_bins: of equal counts; static.

    Raises:
        ConfigError: an empty side, or fewer samples than bins.

    Example:
        >>> result = calibration(jnp.zeros(50), jnp.zeros(150), num_bins=1)  # p_theta = q: D = 1/4 for all, and a quarter are data
        >>> float(result.predicted[0].round(6)), float(result.observed[0]), float(result.brier.round(6))
        (0.25, 0.25, 0.1875)
    """
    num_data, num_drawn = log_ratio_data.shape[0], log_ratio_drawn.shape[0]
    total = num_data + num_drawn
    if num_bins < 1 or total < num_bins or min(num_data, num_drawn) == 0:
        raise ConfigError(
            f"expected samples on both sides and at least one a bin, got {num_data} and {num_drawn} for {num_bins} bins; ask for fewer bins"
        )
    log_odds = jnp.concatenate([log_ratio_data, log_ratio_drawn]) - (math.log(num_drawn) - math.log(num_data))
    label = jnp.concatenate([jnp.ones(num_data), jnp.zeros(num_drawn)])
    order = jnp.argsort(log_odds)
    log_odds, label = log_odds[order], label[order]
    predicted = jax.nn.sigmoid(log_odds)
    bin_of = np.arange(total) * num_bins // total
    count = jnp.asarray(np.bincount(bin_of, minlength=num_bins), log_odds.dtype)
    mean, observed = (jax.ops.segment_sum(values, bin_of, num_bins) / count for values in (predicted, _shared(log_odds, label)))
    low, high = wilson_interval(observed, count)
    return Calibration(
        mean,
        observed,
        low,
        high,
        count,
        jnp.sum(count * jnp.abs(mean - observed)) / total,
        jnp.mean((predicted - label) ** 2),
        jnp.mean(jax.nn.softplus(jnp.where(label > 0, -log_odds, log_odds))),
    )


def _shared(log_odds: Float[Array, " n"], label: Float[Array, " n"]) -> Float[Array, " n"]:
    """Labels of sorted samples, where samples of equal D share theirs: otherwise a bin's edge would part them, data here and draws there.

    One state has log odds that differ by rounding between data and draws, so that equal means up to a tenth of the root of the precision.
    """
    is_new = jnp.diff(log_odds) > 0.1 * jnp.sqrt(jnp.finfo(log_odds.dtype).eps)
    tie = jnp.concatenate([jnp.zeros(1, int), jnp.cumsum(is_new)])
    size, sum_of = (jax.ops.segment_sum(values, tie, label.shape[0]) for values in (jnp.ones_like(label), label))
    return sum_of[tie] / size[tie]


def wilson_interval(share: Float[Array, " bins"], size: Float[Array, " bins"]) -> tuple[Float[Array, " bins"], Float[Array, " bins"]]:
    """95 % interval of a binomial share, which stays inside [0, 1] and has a width even at 0 and 1.

    Example:
        >>> low, high = wilson_interval(jnp.array([0.5]), jnp.array([100.0]))
        >>> round(float(low[0]), 4), round(float(high[0]), 4)
        (0.4038, 0.5962)
    """
    z2 = 1.959964**2
    middle = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2) * jnp.sqrt(share * (1 - share) / size + z2 / (4 * size**2)) / (1 + z2 / size)
    return middle - half, middle + half

"""Is the discriminator's probability a probability? Reliability of D = sigmoid(l) on data and draws that trained nothing.

    in bins of equal counts of D:   predicted = mean of D,   observed = share of data
    expected error = sum over bins |predicted - observed| times the bin's share,     Brier = mean (D - label)^2

D = p_theta/(p_theta + q) with the right log Z is calibrated exactly where p_theta is p on average over each level of D. It is a necessary
sign, not a sufficient one: a constant D is calibrated too. Labels count equally on both sides whatever their numbers (nu is corrected for).

References: Brier 1950; Niculescu-Mizil and Caruana 2005 (bins of equal counts); Wilson 1927 (the interval of a share).
"""

from __future__ import annotations

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
        expected_error: mean |predicted - observed| over bins; near 0 for a calibrated D, of the order of 1/sqrt(samples a bin) by chance.
        brier: mean squared error of D; 1/4 where nothing can be told apart, 0 where everything can.
        log_loss: cross-entropy, nats; log 2 where nothing can be told apart.
    """

    predicted: Float[Array, " bins"]
    observed: Float[Array, " bins"]
    low: Float[Array, " bins"]
    high: Float[Array, " bins"]
    expected_error: Float[Array, ""]
    brier: Float[Array, ""]
    log_loss: Float[Array, ""]


def calibration(log_odds_data: Float[Array, " n"], log_odds_drawn: Float[Array, " m"], num_bins: int = 10) -> Calibration:
    """Reliability of D from log p_theta - log q at data and at draws; as many of each are used as the smaller side has.

    Args:
        log_odds_data: -E - log Z - log q at held-out data, nats.
        log_odds_drawn: the same at fresh draws.
        num_bins: of equal counts; static.

    Raises:
        ConfigError: fewer samples than bins.

    Example:
        >>> result = calibration(jnp.zeros(50), jnp.zeros(50), num_bins=1)  # D = 1/2 for all, and half of all are data
        >>> float(result.predicted[0]), float(result.observed[0]), float(result.brier)
        (0.5, 0.5, 0.25)
    """
    count = min(log_odds_data.shape[0], log_odds_drawn.shape[0])
    if num_bins < 1 or 2 * count < num_bins:
        raise ConfigError(f"expected at least one sample a bin, got {count} on a side for {num_bins} bins; ask for fewer bins")
    log_odds = jnp.concatenate([log_odds_data[:count], log_odds_drawn[:count]])
    label = jnp.concatenate([jnp.ones(count), jnp.zeros(count)])
    # Interleaved before the stable sort: otherwise samples of equal D would stand with all data first.
    order = jnp.stack([jnp.arange(count), count + jnp.arange(count)], axis=1).reshape(-1)
    order = order[jnp.argsort(log_odds[order], stable=True)]
    log_odds, label = log_odds[order], label[order]
    predicted = jax.nn.sigmoid(log_odds)
    bin_of = jnp.arange(2 * count) * num_bins // (2 * count)
    size = jax.ops.segment_sum(jnp.ones(2 * count), bin_of, num_bins)
    mean, observed = (jax.ops.segment_sum(values, bin_of, num_bins) / size for values in (predicted, label))
    low, high = wilson_interval(observed, size)
    return Calibration(
        mean,
        observed,
        low,
        high,
        jnp.sum(size * jnp.abs(mean - observed)) / (2 * count),
        jnp.mean((predicted - label) ** 2),
        jnp.mean(jax.nn.softplus(jnp.where(label > 0, -log_odds, log_odds))),
    )


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

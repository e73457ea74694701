"""Reliability of the discriminator: against scikit-learn, and on two normals whose log odds are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from triality.errors import ConfigError
from triality.metrics.calibration import calibration, wilson_interval

calibrated = jax.jit(calibration, static_argnums=2)


def log_ratio(x):
    """p = N(1, 1) over q = N(0, 1.5^2)."""
    return stats.norm.logpdf(x, 1.0, 1.0) - stats.norm.logpdf(x, 0.0, 1.5)


def both_sides(num_data, num_drawn, seed=0):
    rng = np.random.default_rng(seed)
    return log_ratio(rng.normal(1.0, 1.0, num_data)), log_ratio(rng.normal(0.0, 1.5, num_drawn))


def chi_squared(result):
    """p-value of predicted against observed, with the binomial variance of each bin."""
    variance = result.predicted * (1 - result.predicted) / result.count
    return float(stats.chi2.sf(jnp.sum((result.observed - result.predicted) ** 2 / variance), len(result.count)))


@pytest.mark.parametrize(("num_data", "num_drawn", "num_bins"), [(400, 400, 10), (250, 750, 10), (301, 100, 7)])
def test_against_scikit_learn(num_data, num_drawn, num_bins):
    data, drawn = both_sides(num_data, num_drawn)
    result = calibrated(jnp.asarray(data), jnp.asarray(drawn), num_bins)
    label = np.repeat([1, 0], [num_data, num_drawn])
    d = special.expit(np.concatenate([data, drawn]) - np.log(num_drawn / num_data))
    np.testing.assert_allclose(result.brier, brier_score_loss(label, d), rtol=1e-10)
    np.testing.assert_allclose(result.log_loss, log_loss(label, d), rtol=1e-10)
    assert result.count.sum() == num_data + num_drawn
    if (num_data + num_drawn) % num_bins == 0:  # theirs cuts at quantiles, which then are between the same samples
        observed, predicted = calibration_curve(label, d, n_bins=num_bins, strategy="quantile")
        np.testing.assert_allclose(result.observed, observed, rtol=1e-10)
        np.testing.assert_allclose(result.predicted, predicted, rtol=1e-10)


@pytest.mark.parametrize(("num_data", "num_drawn"), [(10_000, 10_000), (4_000, 16_000)])
def test_true_log_odds_are_calibrated_and_doubled_ones_are_not(num_data, num_drawn):
    data, drawn = (jnp.asarray(side) for side in both_sides(num_data, num_drawn))
    right = calibrated(data, drawn, 20)
    assert chi_squared(right) > 1e-4
    assert int(jnp.sum((right.low <= right.predicted) & (right.predicted <= right.high))) >= 16
    assert float(right.expected_error) < 0.02
    wrong = [(2.0 * data, 2.0 * drawn), (data + 0.5, drawn + 0.5)]  # too steep; a log Z half a nat off
    for twin in wrong:
        result = calibrated(*twin, 20)
        assert chi_squared(result) < 1e-10
        assert result.expected_error > 0.05
        assert result.brier > right.brier
        assert result.log_loss > right.log_loss


def test_the_prior_is_needed_with_unequal_numbers():
    """The control: log nu left out of D, four draws for each of the data."""
    data, drawn = (jnp.asarray(side) for side in both_sides(4_000, 16_000))
    without = calibrated(data + jnp.log(4.0), drawn + jnp.log(4.0), 20)
    assert chi_squared(without) < 1e-10
    assert without.expected_error > 0.1


def test_the_brier_score_is_its_integral():
    """E min over D of squared error = integral of p q/(p + q)/2 at nu = 1."""
    x = np.linspace(-12.0, 12.0, 20_001)
    p, q = stats.norm.pdf(x, 1.0, 1.0), stats.norm.pdf(x, 0.0, 1.5)
    expected = np.sum(p * q / (p + q)) * (x[1] - x[0]) / 2
    data, drawn = both_sides(10_000, 10_000, seed=1)
    result = calibrated(jnp.asarray(data), jnp.asarray(drawn), 10)
    spread = np.std(np.append((1 - special.expit(data)) ** 2, special.expit(drawn) ** 2)) / np.sqrt(20_000)
    assert abs(float(result.brier) - expected) < 5 * spread


def test_ties_are_shared_out_and_certainty_is_finite():
    """A constant D is calibrated in every bin; sure and right is free, sure and wrong costs its log odds."""
    constant = calibrated(jnp.zeros(300), jnp.zeros(100), 10)
    np.testing.assert_allclose(constant.predicted, 0.75, rtol=1e-12)
    np.testing.assert_allclose(constant.observed, 0.75, atol=0.02)
    sure = calibrated(jnp.full(50, 1000.0), jnp.full(50, -1000.0), 2)
    np.testing.assert_allclose([sure.brier, sure.log_loss, sure.expected_error], 0.0, atol=1e-12)
    np.testing.assert_allclose(calibrated(jnp.full(50, -1000.0), jnp.full(50, 1000.0), 2).log_loss, 1000.0)


@pytest.mark.parametrize("rounding", [0.0, 1e-13, -1e-13])
def test_a_state_that_occurs_often_is_in_no_bin_data_alone(rounding):
    """A third of the samples are one state, whose log ratio comes out of two programs with another last digit."""
    rng = np.random.default_rng(2)
    data, drawn = both_sides(2_000, 2_000)
    often = rng.random(2_000) < 1 / 3
    data, drawn = np.where(often, 0.0, data), np.where(often, rounding, drawn)
    result = calibrated(jnp.asarray(data), jnp.asarray(drawn), 10)
    assert float(jnp.max(jnp.abs(result.observed - result.predicted))) < 0.15
    level = np.argsort(np.concatenate([data, drawn]), kind="stable")
    parted = np.repeat([1.0, 0.0], 2_000)[level].reshape(10, -1).mean(axis=1)  # the control: by the order of a plain sort
    assert np.max(np.abs(parted - result.predicted)) > 0.3


def test_wilson_covers_as_often_as_it_says():
    """Exactly, by summing the binomial: it errs by a percent or two where a share plus two standard errors errs by many."""
    k, n = np.arange(51), 50
    low, high = wilson_interval(jnp.asarray(k / n), jnp.full(51, float(n)))
    half = 1.96 * np.sqrt(k / n * (1 - k / n) / n)
    shares = np.linspace(0.02, 0.98, 49)
    covered = [stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum() for p in shares]
    by_normal = [stats.binom.pmf(k, n, p)[(k / n - half <= p) & (p <= k / n + half)].sum() for p in shares]
    assert abs(np.mean(covered) - 0.95) < 0.01
    assert min(covered) > 0.9
    assert min(by_normal) < 0.7


def test_too_few_samples_are_refused():
    with pytest.raises(ConfigError, match="at least one a bin, got 4 and 5 for 10 bins"):
        calibration(jnp.zeros(4), jnp.zeros(5), 10)
    with pytest.raises(ConfigError, match="samples on both sides"):
        calibration(jnp.zeros(0), jnp.zeros(50), 10)

"""Effective sample size, Pareto k-hat and smoothing against arviz-stats, truncation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.base import array_stats

from triality.numerics import effective_sample_size, log_mean_exp
from triality.partition.diagnostics import diagnose, largest_weight, pareto_k_threshold, pareto_smoothed, truncated

smooth = jax.jit(pareto_smoothed)
CAPACITY = 4100


def smoothed(log_weight, filler=-np.inf):
    """At one shape, so that this file compiles once; padding is part of what is tested."""
    spare = CAPACITY - len(log_weight)
    values, k_hat = smooth(jnp.pad(jnp.asarray(log_weight), (0, spare), constant_values=filler))
    return np.asarray(values)[: len(log_weight)], float(k_hat)


def narrow(seed: int, size: int, scale: float = 0.4):
    """Log weights of N(0, 1) under a proposal N(0, scale^2): for scale < 1 a tail of shape 1 - scale^2."""
    x = scale * np.random.default_rng(seed).normal(size=size)
    return -0.5 * x**2 + 0.5 * (x / scale) ** 2 + np.log(scale)


@pytest.mark.parametrize("size", [25, 100, 224, 225, 226, 1000, 4000])
@pytest.mark.parametrize("scale", [0.4, 0.8, 1.5])
def test_equals_arviz(size, scale):
    log_weight = narrow(size, size, scale)
    theirs, their_k = array_stats.psislw(-log_weight)  # it takes negated log weights
    ours, our_k = smoothed(log_weight)
    assert our_k == pytest.approx(float(their_k), abs=1e-6)
    np.testing.assert_allclose(ours - np.logaddexp.reduce(ours), theirs, atol=1e-6)


def test_feeding_arviz_plain_log_weights_is_the_known_pitfall():
    log_weight = narrow(0, 4000)
    assert abs(float(array_stats.psislw(log_weight)[1]) - smoothed(log_weight)[1]) > 1


def test_padding_is_the_same_as_no_samples_there():
    log_weight = narrow(3, 300)
    alone, k_hat = jax.jit(pareto_smoothed)(jnp.asarray(log_weight))
    padded, padded_k = smoothed(log_weight)
    assert padded_k == pytest.approx(float(k_hat), abs=1e-12)
    np.testing.assert_allclose(padded, alone, rtol=1e-12)


def test_scale_is_kept_and_irrelevant_to_the_shape():
    log_weight = narrow(4, 1000)
    values, k_hat = smoothed(log_weight)
    shifted, shifted_k = smoothed(log_weight + 500.0)
    assert shifted_k == pytest.approx(k_hat, abs=1e-9)
    np.testing.assert_allclose(shifted - 500.0, values, atol=1e-9)
    order = np.argsort(log_weight)
    np.testing.assert_array_equal(values[order[:-94]], log_weight[order[:-94]])  # 94 = floor(3 sqrt 1000) are the tail
    assert (values != log_weight).sum() >= 93
    assert (np.diff(values[order]) >= 0).all()
    assert values.max() <= log_weight.max()


def test_float32():
    log_weight = narrow(5, 1000)
    single = smooth(jnp.asarray(np.pad(log_weight, (0, CAPACITY - 1000), constant_values=-np.inf), jnp.float32))
    assert single[1].dtype == jnp.float32
    assert float(single[1]) == pytest.approx(smoothed(log_weight)[1], abs=1e-3)


def test_degenerate_weights_are_defined():
    for size in (3, 30, 1000):
        values, k_hat = smoothed(np.full(size, -7.0))
        assert k_hat == -np.inf
        np.testing.assert_array_equal(values, -7.0)
    flat_top = np.concatenate([np.full(500, 1.0), narrow(1, 500) - 50])
    assert smoothed(flat_top)[1] == -np.inf
    np.testing.assert_array_equal(smoothed(flat_top)[0], flat_top)
    few, k_hat = smoothed(np.linspace(0.0, 1.0, 24))
    assert np.isnan(k_hat)
    np.testing.assert_array_equal(few, np.linspace(0.0, 1.0, 24))
    assert np.isnan(smoothed(np.full(10, -np.inf))[1])
    spike = np.where(np.arange(1000) == 3, 0.0, -900.0)
    ties = np.log(np.repeat([1.0, 2.0, 3.0], [940, 30, 30]))
    for log_weight in (spike, ties):
        values, k_hat = smoothed(log_weight)
        assert np.isnan(k_hat)
        np.testing.assert_array_equal(values, log_weight)
    assert smoothed(np.where(np.arange(1000) == 3, 0.0, narrow(2, 1000, 0.9) - 30.0))[1] > 0.7  # a spike, no ties


def test_threshold():
    assert float(pareto_k_threshold(10**6)) == pytest.approx(0.7)
    assert float(pareto_k_threshold(100)) == pytest.approx(0.5)


def test_effective_sample_size_and_largest_weight():
    assert float(effective_sample_size(jnp.full(40, -900.0))) == pytest.approx(40)
    assert float(effective_sample_size(jnp.full(40, -900.0).at[3].set(900.0))) == pytest.approx(1)
    weights = np.random.default_rng(2).exponential(size=40)
    result = jax.jit(diagnose)(jnp.log(weights), jnp.zeros(40))
    assert float(result.ess) == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert float(result.ess_fraction) == pytest.approx(float(result.ess) / 40)
    assert float(result.largest_weight) == pytest.approx(weights.max() / weights.sum())
    assert float(largest_weight(jnp.log(weights) + 700)) == pytest.approx(weights.max() / weights.sum())
    assert np.isnan(float(result.overlap))


def test_truncation_lowers_the_error_of_a_heavy_tail_and_the_mean():
    """Narrow proposal, infinite variance: over 400 fixed draws the squared error falls, and each truncated mean is lower (Ionides)."""
    log_weight = jnp.asarray(narrow(7, 400 * 1000).reshape(400, 1000))
    plain = np.asarray(jnp.exp(jax.vmap(log_mean_exp)(log_weight)))
    capped = np.asarray(jnp.exp(jax.vmap(lambda w: log_mean_exp(truncated(w)))(log_weight)))
    assert np.mean((capped - 1) ** 2) < np.mean((plain - 1) ** 2)
    assert (capped <= plain).all()
    assert capped.mean() < 1
    masked = truncated(jnp.array([0.0, 0.0, 0.0, jnp.log(97.0), -jnp.inf]))
    np.testing.assert_allclose(jnp.exp(masked), [1, 1, 1, 50, 0], rtol=1e-12)  # n = 4, not 5


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="how XLA compiles it for CPUs")
@pytest.mark.parametrize("batch", [(), (3,)])
def test_of_many_weights_in_float32_only_the_tail_is_sorted(batch):
    """XLA's selection knows float32 alone; in float64 all are sorted."""
    run = pareto_smoothed if not batch else jax.vmap(pareto_smoothed)
    compiled = jax.jit(run).lower(jax.ShapeDtypeStruct((*batch, 50_000), jnp.float32)).compile().as_text()
    assert "TopK" in compiled
    assert not [line for line in compiled.splitlines() if " sort(" in line and "50000" in line]

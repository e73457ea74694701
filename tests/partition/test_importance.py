"""Importance sampling and its mirror image, the reciprocal: exact expectations, bias of the logarithm, errors, degenerate weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

from triality.partition.importance import importance
from triality.partition.influence import influence_variance
from triality.partition.reciprocal import reciprocal

CAPACITY = 60
jitted = {function: jax.jit(function) for function in (importance, reciprocal)}


def estimate(log_ratio, log_weight=None, function=importance, filler=0.0):
    """All at one shape, so that this file compiles each estimator once; what is masked must not matter."""
    log_ratio = jnp.asarray(log_ratio)
    log_weight = jnp.zeros_like(log_ratio) if log_weight is None else log_weight
    spare = (0, CAPACITY - log_ratio.shape[0])
    return jitted[function](jnp.pad(log_ratio, spare, constant_values=filler), jnp.pad(log_weight, spare, constant_values=-jnp.inf))


def test_unbiased_for_any_energy_and_proposal():
    """In exact expectation: every point of the space once, weighted by q."""
    rng = np.random.default_rng(1)
    neg_energy, log_q = jnp.asarray(rng.normal(size=7)), jax.nn.log_softmax(jnp.asarray(rng.normal(size=7)))
    log_z = jax.nn.logsumexp(neg_energy)
    assert float(estimate(neg_energy - log_q, log_q).value) == pytest.approx(float(log_z), abs=1e-12)
    assert abs(float(estimate(neg_energy + log_q, log_q).value) - float(log_z)) > 0.1  # a turned sign


def test_log_is_biased_low_by_one_over_n():
    """Two points, exp(-E) = (1, 2), q uniform: E[log Z^] - log Z falls like 1/n, exactly computable."""
    sizes, biases = np.array([100, 1000, 10_000, 100_000]), []
    for n in sizes:
        ones = np.arange(n + 1)
        biases.append(np.sum(binom.pmf(ones, n, 0.5) * np.log((2 * (n - ones) + 4 * ones) / n)) - np.log(3.0))
    assert all(bias < 0 for bias in biases)
    assert np.polyfit(np.log(sizes), np.log(-np.array(biases)), 1)[0] == pytest.approx(-1.0, abs=0.01)
    # The formula above is what the estimator computes.
    assert float(estimate(jnp.log(jnp.array([2.0, 4.0, 4.0]))).value) == pytest.approx(np.log(10 / 3))


def test_error_is_the_delta_method():
    log_ratio = np.random.default_rng(2).normal(size=50)
    result = estimate(log_ratio)
    ratio = np.exp(log_ratio)
    assert float(result.stderr) == pytest.approx(ratio.std(ddof=1) / np.sqrt(50) / ratio.mean(), rel=1e-12)
    assert float(result.stderr) == pytest.approx(np.sqrt((1 / float(result.diagnostics.ess) - 1 / 50) * 50 / 49), rel=1e-10)


def test_reciprocal_is_importance_turned_round():
    log_ratio = jnp.asarray(np.random.default_rng(3).normal(size=50))
    back, forth = estimate(log_ratio, function=reciprocal), estimate(-log_ratio)
    assert float(back.value) == pytest.approx(-float(forth.value), abs=1e-14)
    np.testing.assert_allclose(jax.tree.leaves(back)[1:], jax.tree.leaves(forth)[1:], rtol=1e-12)
    # 1/Z = E_p[q exp(E)] in exact expectation, for p = p_theta.
    neg_energy, log_q = log_ratio[:9], jax.nn.log_softmax(log_ratio[9:18])
    log_z = jax.nn.logsumexp(neg_energy)
    assert float(estimate(neg_energy - log_q, neg_energy - log_z, reciprocal).value) == pytest.approx(float(log_z), abs=1e-12)


def test_variance_within_strata():
    rng = np.random.default_rng(4)
    stratum = np.repeat([0, 1, 2], [10, 25, 15])
    influence = rng.normal(size=50) / 50 + np.array([0.3, -0.1, 0.0])[stratum]
    zero = jnp.zeros(50)
    by_hand = sum(np.sum(stratum == k) * influence[stratum == k].var(ddof=1) for k in range(3))
    within = influence_variance(jnp.asarray(influence), zero, jnp.asarray(stratum), 4)  # the fourth stratum is empty
    assert float(within) == pytest.approx(by_hand, rel=1e-10)
    assert float(influence_variance(jnp.asarray(influence), zero)) > 20 * float(within)
    lonely = influence_variance(jnp.array([0.5, -0.25, -0.25]), jnp.zeros(3), jnp.array([0, 1, 1]), 2)
    assert float(lonely) == pytest.approx(0.25)  # a sampler with one sample is measured about the mean of all


def test_degenerate_weights_are_defined():
    constant = estimate(jnp.full(50, 1.5))
    assert float(constant.value) == pytest.approx(1.5)
    assert float(constant.stderr) == pytest.approx(0.0, abs=1e-12)
    assert float(constant.diagnostics.pareto_k) == -np.inf
    assert float(constant.diagnostics.ess) == pytest.approx(50.0)

    spike = estimate(jnp.full(50, -800.0).at[7].set(3.0))
    assert float(spike.value) == pytest.approx(3.0 - np.log(50))
    assert float(spike.diagnostics.ess) == pytest.approx(1.0)
    assert float(spike.diagnostics.largest_weight) == pytest.approx(1.0)
    assert float(spike.stderr) == pytest.approx(1.0)

    impossible = estimate(jnp.full(50, -jnp.inf))  # every energy infinite
    assert float(impossible.value) == -np.inf
    nothing = estimate(jnp.zeros(50), jnp.full(50, -jnp.inf))  # every sample masked
    assert np.isnan(float(nothing.value))
    assert np.isnan(float(nothing.stderr))
    for case in (impossible, nothing):
        assert float(case.diagnostics.ess) == 0.0
        assert np.isnan(float(case.diagnostics.pareto_k))


def test_padding_is_the_same_as_no_samples_there():
    log_ratio = jnp.asarray(np.random.default_rng(5).normal(size=50))
    plain = jax.tree.leaves(jax.jit(importance)(log_ratio))
    for filler in (0.0, jnp.nan, jnp.inf):
        np.testing.assert_allclose(jax.tree.leaves(estimate(log_ratio, filler=filler)), plain, rtol=1e-12)

"""Mean log likelihoods: by hand, their errors by repetition, bits a dimension through a change of scale."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from triality.metrics.likelihood import bits_per_dim, log_likelihood, paired_difference


def test_by_hand():
    result = jax.jit(log_likelihood)(jnp.array([-1.0, -2.0, -6.0]))
    np.testing.assert_allclose(result.mean, -3.0)
    np.testing.assert_allclose(result.stderr, np.sqrt(7.0 / 3.0), rtol=1e-12)
    np.testing.assert_allclose(result.stderr, stats.sem([-1.0, -2.0, -6.0]), rtol=1e-12)


def test_what_the_support_misses_is_counted_and_not_left_out():
    result = log_likelihood(jnp.array([-1.0, -jnp.inf, -2.0]))
    assert float(result.mean) == -np.inf
    assert np.isnan(result.stderr)
    assert float(result.num_impossible) == 1.0
    assert np.isnan(log_likelihood(jnp.array([-1.0])).stderr)


def test_the_error_is_that_of_repetition():
    """500 data sets of 200 normals: z has unit spread; errors not divided by sqrt n do not."""
    x = np.random.default_rng(0).normal(size=(500, 200))
    results = jax.vmap(log_likelihood)(jnp.asarray(stats.norm.logpdf(x)))
    z = (np.asarray(results.mean) + 0.5 * np.log(2 * np.pi * np.e)) / np.asarray(results.stderr)
    assert abs(z.std() - 1.0) < 5 / np.sqrt(2 * 500)
    assert (z / np.sqrt(200)).std() < 0.2


def test_bits_do_not_depend_on_the_scale_of_the_variable():
    """Normal data x and x' = x/10: log p' = log p + d log 10, and log |dx'/dx| = -d log 10."""
    x = np.random.default_rng(1).normal(size=(100, 3))
    mean = stats.norm.logpdf(x).sum(axis=1).mean()
    scaled = (stats.norm.logpdf(x) + np.log(10.0)).sum(axis=1).mean()
    np.testing.assert_allclose(bits_per_dim(scaled, 3, -3 * np.log(10.0)), bits_per_dim(mean, 3), rtol=1e-12)
    assert abs(float(bits_per_dim(scaled, 3) - bits_per_dim(mean, 3))) > 3.0  # the constant forgotten


def test_a_paired_difference_is_sharper():
    common = np.random.default_rng(2).normal(size=400)
    first, second = jnp.asarray(common), jnp.asarray(common - 0.1 + 0.01 * np.sin(np.arange(400)))
    difference = paired_difference(first, second)
    assert abs(float(difference.mean) - 0.1) < 0.002
    assert float(difference.stderr) < 0.01 * float(log_likelihood(first).stderr + log_likelihood(second).stderr) + 5e-4


def test_a_paired_difference_where_densities_are_zero():
    zero = -jnp.inf
    both = paired_difference(jnp.array([zero, -1.0]), jnp.array([zero, -2.0]))
    np.testing.assert_allclose(both.mean, 0.5)
    assert float(paired_difference(jnp.array([zero, -1.0]), jnp.array([-3.0, -2.0])).mean) == -np.inf
    assert float(paired_difference(jnp.array([-3.0, -1.0]), jnp.array([zero, -2.0])).mean) == np.inf

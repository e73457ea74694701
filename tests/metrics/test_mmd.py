"""MMD: against double loops and scikit-learn's kernel, unbiased, its test calibrated and powerful."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from triality.errors import ConfigError
from triality.metrics.mmd import median_bandwidth, mmd_squared, mmd_test

X = np.random.default_rng(0).normal(size=(7, 3))
Y = np.random.default_rng(1).normal(size=(5, 3)) + 0.4


def by_sklearn(x, y, h):
    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    gamma = 0.5 / h**2
    return off_diagonal(rbf_kernel(x, gamma=gamma)) + off_diagonal(rbf_kernel(y, gamma=gamma)) - 2 * rbf_kernel(x, y, gamma=gamma).mean()


def test_against_scikit_learn():
    for h in (0.5, 2.0):
        np.testing.assert_allclose(mmd_squared(jnp.asarray(X), jnp.asarray(Y), jnp.array([h])), by_sklearn(X, Y, h), rtol=1e-12)
    several = mmd_squared(jnp.asarray(X), jnp.asarray(Y), jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(several, 0.5 * (by_sklearn(X, Y, 0.5) + by_sklearn(X, Y, 2.0)), rtol=1e-12)


def test_median_bandwidth_is_numpys():
    pooled = np.concatenate([X, Y])
    distances = [np.linalg.norm(pooled[i] - pooled[j]) for i in range(12) for j in range(i)]
    np.testing.assert_allclose(median_bandwidth(jnp.asarray(X), jnp.asarray(Y)), [np.median(distances)], rtol=1e-12)


def gaussians(key, shift, n=40):
    key_x, key_y = jax.random.split(key)
    return jax.random.normal(key_x, (n, 2)), jax.random.normal(key_y, (n, 2)) + jnp.array([shift, 0.0])


def test_unbiased_and_the_biased_twin_is_not():
    keys = jax.random.split(jax.random.key(0), 400)
    values = np.asarray(jax.jit(jax.vmap(lambda k: mmd_squared(*gaussians(k, 0.0), jnp.ones(1))))(keys))
    stderr = values.std() / np.sqrt(len(values))
    assert abs(values.mean()) < 5 * stderr
    biased = values + 2.0 / 40 * (1 - 1 / 3)  # with the diagonal, E k = 1/(1 + 2) under N(0, I): (1 - E k)/n a side
    assert biased.mean() > 5 * stderr


def test_closed_form_for_a_shift():
    """E k for two normals of unit variance shifted by s in 2-D, h = 1: exp(-s^2/(2 * 3))/3."""
    keys = jax.random.split(jax.random.key(1), 200)
    values = np.asarray(jax.jit(jax.vmap(lambda k: mmd_squared(*gaussians(k, 1.5), jnp.ones(1))))(keys))
    assert abs(values.mean() - 2 / 3 * (1 - np.exp(-(1.5**2) / 6))) < 5 * values.std() / np.sqrt(len(values))


def test_p_values_are_uniform_without_and_small_with_a_difference():
    @jax.jit
    def p_values(shift):
        def one(key):
            return mmd_test(key, *gaussians(jax.random.fold_in(key, 1), shift), num_permutations=99).p_value

        return jax.vmap(one)(jax.random.split(jax.random.key(2), 200))

    same = np.asarray(p_values(0.0))
    assert abs(same.mean() - 0.505) < 5 / np.sqrt(12 * 200)
    assert np.mean(same <= 0.05) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.asarray(p_values(1.5)) <= 0.05) > 0.95


def test_one_sample_is_refused():
    with pytest.raises(ConfigError, match="at least two samples"):
        mmd_squared(jnp.zeros((1, 2)), jnp.zeros((5, 2)))

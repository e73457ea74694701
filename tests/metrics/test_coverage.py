"""Precision, recall, density, coverage: against scikit-learn's neighbors, and what each says of dropped modes and blur."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from triality.errors import ConfigError
from triality.metrics.coverage import coverage, expected_coverage

MODES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def by_sklearn(data, drawn, k):
    """The formulas as Naeem et al. print them."""
    radius = [NearestNeighbors(n_neighbors=k).fit(points).kneighbors()[0][:, -1] for points in (data, drawn)]
    distance = np.linalg.norm(data[:, None] - drawn[None], axis=-1)
    inside = distance <= radius[0][:, None]
    return [
        inside.any(axis=0).mean(),
        (distance <= radius[1][None]).any(axis=1).mean(),
        inside.sum(axis=0).mean() / k,
        (distance.min(axis=1) <= radius[0]).mean(),
    ]


def clouds(modes, scale=1.0, n=400, seed=0):
    generator = np.random.default_rng(seed)
    return MODES[generator.integers(0, modes, n)] + scale * generator.normal(size=(n, 2))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_against_scikit_learn(k):
    data, drawn = clouds(4), clouds(3, 1.3, 250, seed=1)
    np.testing.assert_allclose(np.array(jax.jit(coverage, static_argnums=2)(data, drawn, k)), by_sklearn(data, drawn, k), rtol=1e-12)


def test_dropped_modes_cost_completeness_and_blur_costs_quality():
    data = jnp.asarray(clouds(4))
    same, dropped, blurred = (coverage(data, jnp.asarray(x)) for x in (clouds(4, seed=1), clouds(1, seed=2), clouds(4, 3.0, seed=3)))
    assert float(same.precision) > 0.9
    assert float(same.recall) > 0.9
    assert abs(float(same.density) - 1.0) < 0.15
    assert float(dropped.precision) > 0.9
    assert float(dropped.recall) < 0.4
    assert float(dropped.coverage) < 0.4
    assert float(blurred.density) < 0.5
    assert float(blurred.precision) < 0.7


def test_coverage_of_equal_laws_is_the_expected_one():
    values = [float(coverage(jnp.asarray(clouds(4, seed=s)), jnp.asarray(clouds(4, seed=1000 + s)), 3).coverage) for s in range(20)]
    assert abs(np.mean(values) - expected_coverage(400, 400, 3)) < 5 * np.std(values, ddof=1) / np.sqrt(20)
    assert abs(np.mean(values) - 1.0) > 5 * np.std(values, ddof=1) / np.sqrt(20)


def test_an_outlier_lifts_precision_but_not_density():
    """One far point gets a ball that holds everything between."""
    data = np.concatenate([clouds(1), [[60.0, 0.0]]])
    between = np.array([20.0, 0.0]) + np.random.default_rng(0).normal(size=(100, 2))
    result = coverage(jnp.asarray(data), jnp.asarray(between))
    assert float(result.precision) > 0.95
    assert float(result.density) < 0.25


def test_too_few_samples_are_refused():
    with pytest.raises(ConfigError, match="expected 1 to 4 neighbors"):
        coverage(jnp.zeros((5, 2)), jnp.zeros((9, 2)), 5)

"""Funnel: its density against scipy's normals and by quadrature, its draws coordinate by coordinate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError
from triality.partition.exact import quadrature, trapezoid
from triality.sampler import draw
from triality.targets.funnel import funnel


def test_density_is_that_of_scipys_normals():
    x = 2.0 * np.random.default_rng(0).normal(size=(50, 10))
    expected = stats.norm.logpdf(x[:, 0], 0, 3) + stats.norm.logpdf(x[:, 1:], 0, np.exp(x[:, :1] / 2)).sum(axis=1)
    np.testing.assert_allclose(jax.vmap(funnel().log_prob)(jnp.asarray(x)), expected, rtol=1e-12)
    wrong = stats.norm.logpdf(x[:, 0], 0, 3) + stats.norm.logpdf(x[:, 1:], 0, np.exp(x[:, :1])).sum(axis=1)
    assert np.max(np.abs(wrong - expected)) > 1.0  # the control: exp(x_0) as the standard deviation


def test_it_integrates_to_one():
    """Two coordinates, a neck narrow enough for a grid."""
    small = funnel(2, 0.7)
    np.testing.assert_allclose(quadrature(small.energy, trapezoid([-5.0, -80.0], [5.0, 80.0], 1501)), small.log_z, atol=1e-6)


def test_draws_follow_it():
    x, log_q, _ = jax.jit(lambda key: draw(funnel(), key, 20_000))(jax.random.key(0))
    x = np.asarray(x)
    assert stats.kstest(x[:, 0], stats.norm(0, 3).cdf).pvalue > 1e-6
    scaled = x[:, 1:] * np.exp(-0.5 * x[:, :1])
    assert stats.kstest(scaled.ravel(), stats.norm.cdf).pvalue > 1e-6
    assert stats.kstest((x[:, 1:] * np.exp(-x[:, :1])).ravel(), stats.norm.cdf).pvalue < 1e-6
    np.testing.assert_allclose(log_q, jax.vmap(funnel().log_prob)(jnp.asarray(x)), rtol=1e-12)


def test_wrong_sizes_are_refused():
    for dim, scale in ((1, 3.0), (10, 0.0)):
        with pytest.raises(ConfigError, match="expected at least 2 coordinates"):
            funnel(dim, scale)

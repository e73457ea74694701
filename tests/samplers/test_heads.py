"""The discretized logistic against differences of scipy's distribution function, open at both ends and far out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.samplers.autoregressive.heads import discretized_logistic_head, log_masses


@pytest.mark.parametrize(("mean", "log_scale"), [(1.3, -0.5), (6.0, 1.0), (-2.0, 0.0), (3.5, -3.0)])
def test_masses_are_differences_of_the_distribution_function(mean, log_scale):
    num_levels = 8
    edges = np.concatenate([[-np.inf], np.arange(num_levels - 1) + 0.5, [np.inf]])
    wanted = np.diff(stats.logistic.cdf(edges, mean, np.exp(log_scale)))
    found = np.exp(log_masses(jnp.asarray(mean), jnp.asarray(log_scale), num_levels))
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-15)
    np.testing.assert_allclose(found.sum(), 1.0, rtol=1e-12)
    # The control: without the open ends, mass beyond the levels is lost.
    closed = np.diff(stats.logistic.cdf(np.arange(num_levels + 1) - 0.5, mean, np.exp(log_scale)))
    assert (closed.sum() < 1.0 - 1e-3) == (log_scale > -3.0)


def test_far_levels_keep_a_finite_logarithm_and_gradient_in_float32():
    """The difference of two distribution functions is zero there."""
    mean, log_scale = jnp.float32(2.0), jnp.float32(-2.0)
    value, gradient = jax.value_and_grad(lambda m: log_masses(m, log_scale, 256)[200])(mean)
    assert np.isfinite(value)
    assert np.isfinite(gradient)
    assert value == pytest.approx(-(197.5 / np.exp(-2.0)) + np.log(-np.expm1(-1 / np.exp(-2.0))), rel=1e-4)
    naive = jax.nn.sigmoid((200.5 - mean) / jnp.exp(log_scale)) - jax.nn.sigmoid((199.5 - mean) / jnp.exp(log_scale))
    assert float(naive) == 0.0


def test_a_mixture_is_the_sum_of_its_components():
    head = discretized_logistic_head(4, 16, 3, jax.random.key(0))
    h = jax.random.normal(jax.random.key(1), (4,))
    parts = [np.exp(log_masses(head.bias[m, 1], head.bias[m, 2], 16)) for m in range(3)]
    shares = np.asarray(jax.nn.softmax(head.bias[:, 0]))
    np.testing.assert_allclose(np.exp(head(h)), sum(s * p for s, p in zip(shares, parts, strict=True)), rtol=1e-10)

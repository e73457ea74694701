"""The discretized logistic against differences of scipy's distribution function, open at both ends and far out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError
from triality.samplers.autoregressive.heads import categorical_head, discretized_logistic_head, head_for, log_masses


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


@pytest.mark.parametrize(("mean", "log_scale"), [(2.0, -2.0), (-400.0, 0.5), (900.0, 1.0), (100.0, 12.0)])
def test_logarithms_in_float32_are_those_of_scipy_however_far_out(mean, log_scale):
    """All 256 levels, the open ends included; the reference in double precision, from whichever tail loses nothing."""
    edges, scale = np.concatenate([[-np.inf], np.arange(255) + 0.5, [np.inf]]), np.exp(log_scale)
    below, above = stats.logistic.logcdf(edges, mean, scale), stats.logistic.logsf(edges, mean, scale)
    with np.errstate(invalid="ignore", divide="ignore"):
        from_below = below[1:] + np.log(-np.expm1(below[:-1] - below[1:]))
        from_above = above[:-1] + np.log(-np.expm1(above[1:] - above[:-1]))
    wanted = np.where(edges[1:] < mean, from_below, from_above)
    found = np.asarray(log_masses(jnp.float32(mean), jnp.float32(log_scale), 256))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    single = jax.nn.sigmoid((jnp.asarray(edges, jnp.float32) - jnp.float32(mean)) / jnp.float32(scale))
    with np.errstate(divide="ignore"):
        naive = np.log(np.diff(single))  # the twin: the difference as it stands
    assert not np.allclose(naive, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("log_scale", [-1000.0, -7.0, 15.0, 60.0, 200.0])
def test_no_scale_breaks_the_gradient_in_float32(log_scale):
    """One step of an optimizer can put it anywhere."""
    masses, gradients = jax.vmap(jax.value_and_grad(lambda s, k: log_masses(jnp.float32(3.2), s, 8)[k]), (None, 0))(
        jnp.float32(log_scale), jnp.arange(8)
    )
    assert np.all(np.isfinite(masses))
    assert np.all(np.isfinite(gradients))
    np.testing.assert_allclose(np.exp(masses).sum(), 1.0, rtol=1e-5)
    if log_scale > 20:  # half on each side, and the inner mass falls with the scale
        np.testing.assert_allclose(gradients[1:-1], -1.0, rtol=1e-5)


@pytest.mark.parametrize(("features", "num_levels"), [(6, 3), (5, 4)])
def test_a_head_of_other_levels_or_features_is_refused(features, num_levels):
    for make in (categorical_head, discretized_logistic_head):
        assert head_for(6, 4, make(6, 4))(jnp.zeros(6)).shape == (4,)
        with pytest.raises(ConfigError, match="make it with features = 6, num_levels = 4"):
            head_for(6, 4, make(features, num_levels))


def test_a_mixture_is_the_sum_of_its_components():
    head = discretized_logistic_head(4, 16, 3, jax.random.key(0))
    h = jax.random.normal(jax.random.key(1), (4,))
    parts = [np.exp(log_masses(head.bias[m, 1], head.bias[m, 2], 16)) for m in range(3)]
    shares = np.asarray(jax.nn.softmax(head.bias[:, 0]))
    np.testing.assert_allclose(np.exp(head(h)), sum(s * p for s, p in zip(shares, parts, strict=True)), rtol=1e-10)

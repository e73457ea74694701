"""Gaussians against scipy, the squash in float32 (D11), and gradients through density and draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from triality.sampler import draw
from triality.samplers.gaussian import MARGIN, Gaussian, SquashedGaussian, log_det_tanh

MEAN, LOG_SCALE = jnp.array([0.4, -1.0]), jnp.array([-0.3, 0.7])
CENTER, HALF_WIDTH = jnp.array([0.5, -2.0]), jnp.array([2.0, 0.3])


def test_gaussian_against_scipy():
    x = jnp.array([[0.0, 0.0], [1.5, -3.0], [40.0, -40.0]])
    wanted = stats.norm.logpdf(x, MEAN, np.exp(LOG_SCALE)).sum(-1)
    np.testing.assert_allclose(jax.vmap(Gaussian(MEAN, LOG_SCALE).log_prob)(x), wanted, rtol=1e-13)


def test_squashed_gaussian_against_scipy():
    """Density of the pre-image over the derivative of the squash, formed as numbers."""
    u = jnp.array([[0.0, 0.0], [1.5, -1.0], [-2.0, 2.5]])
    a = CENTER + HALF_WIDTH * jnp.tanh(u)
    wanted = (stats.norm.logpdf(u, MEAN, np.exp(LOG_SCALE)) - np.log(HALF_WIDTH * (1 - np.tanh(u) ** 2))).sum(-1)
    q = SquashedGaussian(Gaussian(MEAN, LOG_SCALE), CENTER, HALF_WIDTH)
    np.testing.assert_allclose(jax.vmap(q.log_prob)(a), wanted, rtol=1e-11)
    # The control: without the box's own scale it is another density.
    assert abs(q.log_prob(a[0]) - wanted[0] - jnp.sum(jnp.log(HALF_WIDTH))) > 0.1


def test_log_det_in_float32_at_twelve():
    """D11: the naive form is -inf, or off by tenths, where the stable one is -22.61."""
    u = jnp.array([12.0, -12.0, 0.0], jnp.float32)
    stable = log_det_tanh(u)
    assert stable.dtype == jnp.float32
    np.testing.assert_allclose(stable, [-22.613706, -22.613706, 0.0], atol=2e-6)
    assert not abs(jnp.log(1.0 - jnp.tanh(u[0]) ** 2) - stable[0]) < 0.1


def test_log_det_against_float64():
    u = jnp.linspace(-20.0, 20.0, 81)
    np.testing.assert_allclose(log_det_tanh(u), np.log(4.0) - 2.0 * np.logaddexp(u, -u), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(log_det_tanh(u.astype(jnp.float32)), log_det_tanh(u), rtol=1e-5, atol=1e-6)


def test_squashed_mode_and_gaussian_mode():
    base = Gaussian(MEAN, LOG_SCALE)
    np.testing.assert_array_equal(base.mode, MEAN)
    np.testing.assert_allclose(SquashedGaussian(base, CENTER, HALF_WIDTH).mode, CENTER + HALF_WIDTH * np.tanh(MEAN), rtol=1e-15)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_demonstrations_on_the_bound_have_a_finite_density(side):
    """Also outside by rounding; and the same as at the margin, where they are read as lying."""
    q = SquashedGaussian(Gaussian(MEAN, LOG_SCALE), CENTER, HALF_WIDTH)
    at_bound = q.log_prob(CENTER + side * HALF_WIDTH)
    assert jnp.isfinite(at_bound)
    np.testing.assert_allclose(at_bound, q.log_prob(CENTER + side * HALF_WIDTH * (1 - MARGIN)), rtol=1e-6)
    np.testing.assert_allclose(at_bound, q.log_prob(CENTER + side * HALF_WIDTH * 1.01), rtol=1e-12)


def float32_policy(scale):
    base = Gaussian(jnp.array([0.5], jnp.float32), jnp.log(jnp.array([scale], jnp.float32)))
    return SquashedGaussian(base, jnp.zeros(1, jnp.float32), jnp.full(1, 2.0, jnp.float32))


@jax.jit
def summary(q, key, num_draws_root=1000):
    """Over a million float32 draws: everything finite, everything strictly inside, largest disagreement of the two densities."""

    def chunk(key):
        samples = draw(q, key, 1000)
        again = jax.vmap(q.log_prob)(samples.x)
        inside = jnp.all(jnp.abs(samples.x) < q.half_width)
        finite = jnp.all(jnp.isfinite(samples.log_q) & jnp.isfinite(again))
        # Where the draw was kept off the bound its pre-image is gone: the two may differ there.
        away = jnp.abs(samples.x[:, 0]) < 0.999 * q.half_width[0]
        return finite, inside, jnp.max(jnp.where(away, jnp.abs(samples.log_q - again), 0.0))

    finite, inside, gap = jax.lax.map(chunk, jax.random.split(key, 1000))
    return jnp.all(finite), jnp.all(inside), jnp.max(gap)


@pytest.mark.parametrize("scale", [0.3, 5.0])
def test_a_million_float32_draws_are_finite_and_inside(scale):
    finite, inside, gap = summary(float32_policy(scale), jax.random.key(0))
    assert finite
    assert inside
    # Half an ulp of the action, over the distance to the bound, times the steepness of the base.
    assert gap < 5e-3 / min(scale, 1.0) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_ten_million_float32_draws_are_finite_and_inside(scale):
    for seed in range(10):
        finite, inside, _ = summary(float32_policy(scale), jax.random.key(seed))
        assert finite
        assert inside


def test_gradients_of_the_densities():
    x = jnp.array([0.7, -2.1])
    check_grads(lambda m, s: Gaussian(jnp.asarray(m), jnp.asarray(s)).log_prob(x), (MEAN, LOG_SCALE), order=2, modes=["rev"], rtol=1e-6)

    def squashed(mean, log_scale):
        return SquashedGaussian(Gaussian(jnp.asarray(mean), jnp.asarray(log_scale)), CENTER, HALF_WIDTH).log_prob(x)

    check_grads(squashed, (MEAN, LOG_SCALE), order=1, modes=["rev"], rtol=1e-6)


def test_draws_are_reparameterized():
    """d x / d mean = 1, d x / d log scale = x - mean; log density of the draw: -1 for each log scale, and 0 for the mean."""
    key = jax.random.key(0)

    def drawn(mean, log_scale):
        return Gaussian(mean, log_scale).sample_and_log_prob(key)

    x, _ = drawn(MEAN, LOG_SCALE)
    (by_mean, by_scale), (log_by_mean, log_by_scale) = jax.jacobian(drawn, argnums=(0, 1))(MEAN, LOG_SCALE)
    np.testing.assert_allclose(by_mean, np.eye(2), atol=1e-15)
    np.testing.assert_allclose(by_scale, np.diag(x - MEAN), rtol=1e-13)
    np.testing.assert_allclose(log_by_mean, 0.0, atol=1e-15)
    np.testing.assert_allclose(log_by_scale, -1.0, rtol=1e-15)


def test_gradient_of_a_saturated_draw_is_finite():
    """In float32, at u = 30: tanh is flat, its log derivative is not."""

    def log_prob(mean):
        q = SquashedGaussian(Gaussian(mean, jnp.zeros(1, jnp.float32)), jnp.zeros(1, jnp.float32), jnp.ones(1, jnp.float32))
        return q.sample_and_log_prob(jax.random.key(0))[1]

    slope = jax.grad(lambda mean: log_prob(mean))(jnp.full(1, 30.0, jnp.float32))
    np.testing.assert_allclose(slope, 2.0, rtol=1e-6)

"""Gradients from annealed draws: unbiased in the limit like their plain twins, and finding what those never see."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energy import Constant, UnnormalizedDensity
from triality.kernels.langevin import Mala
from triality.sampler import Samples
from triality.samplers.gaussian import Gaussian
from triality.updates.sampler.alpha import WeightedLikelihood
from triality.updates.sampler.annealed import AnnealedLikelihood

NONE = Samples.unweighted(jnp.zeros((1, 1)), jnp.zeros(1))
GRID = jnp.linspace(-12.0, 12.0, 4001)
CELL = 24.0 / 4000
Q = Gaussian(jnp.array([0.4]), jnp.array([0.2]))


def density_of(energy):
    return UnnormalizedDensity(energy, Constant(jnp.zeros(())))


LOPSIDED = density_of(lambda x: 0.25 * x[0] ** 4 - 0.6 * x[0] ** 3 + 0.5 * x[0])


def log_moment(q, power):
    """log E_q[(p/q)^power]; at power 1 minus the forward KL stands in for it."""
    log_q = jax.vmap(q.log_prob)(GRID[:, None])
    log_p = -jax.vmap(LOPSIDED.energy)(GRID[:, None])
    log_p = log_p - jax.nn.logsumexp(log_p) - jnp.log(CELL)
    if power == 1.0:
        return -CELL * jnp.sum(jnp.exp(log_p) * log_q)
    return jax.nn.logsumexp(power * log_p - (power - 1.0) * log_q) + jnp.log(CELL)


@eqx.filter_jit
def gradients(gradient, q, density, num_repeats):
    keys = jax.random.split(jax.random.key(0), num_repeats)
    return jax.lax.map(lambda key: eqx.filter_grad(lambda q: gradient(key, q, density, NONE))(q), keys)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_mean_is_the_exact_gradient(power):
    exact = eqx.filter_grad(lambda q: log_moment(q, power))(Q)
    found = gradients(AnnealedLikelihood(Mala(0.05), jnp.linspace(0.0, 1.0, 6), power, 2000), Q, LOPSIDED, 40)
    for one, many in zip(jax.tree.leaves(exact), jax.tree.leaves(found), strict=True):
        stderr = np.std(many, axis=0, ddof=1) / np.sqrt(40)
        # At power 2 the integrand's own factor (power - 1) stands before d log q.
        np.testing.assert_array_less(np.abs(np.mean(many, axis=0) - one / max(power - 1.0, 1.0)), 4 * stderr + 2e-3)
    other = eqx.filter_grad(lambda q: log_moment(q, 3.0 - power))(Q)
    gap = np.abs(np.mean(found.mean, axis=0) - other.mean) / (np.std(found.mean, axis=0, ddof=1) / np.sqrt(40))
    assert gap.min() > 6  # the control: not that of the other divergence


def test_a_mode_that_draws_never_reach_is_pulled_toward():
    """Nine standard deviations away: no draw weighs anything there, but walks arrive."""
    far = density_of(lambda x: 0.5 * jnp.sum((x - 9.0) ** 2) / 0.25)
    q = Gaussian(jnp.zeros(1), jnp.zeros(1))
    plain = gradients(WeightedLikelihood(2.0, 256), q, far, 4)
    walked = gradients(AnnealedLikelihood(Mala(0.2), jnp.linspace(0.0, 1.0, 40), 2.0, 256), q, far, 4)
    assert np.all(walked.mean < -5.0)  # the samples it learns from stand near 9
    assert np.all(plain.mean > -4.5)


def test_no_gradient_reaches_the_density():
    gradient = AnnealedLikelihood(Mala(0.05), jnp.linspace(0.0, 1.0, 4), num_samples=16)

    def scalar(scale):
        return gradient(jax.random.key(0), Q, density_of(lambda x: scale * x[0] ** 2), NONE)

    assert float(jax.jit(jax.grad(scalar))(jnp.array(0.7))) == 0.0

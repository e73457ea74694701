"""Adaptive temperatures: equal losses at every step, valid whatever happens, and less error than as many equal steps."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, GAUSSIAN, GAUSSIAN_Q, MODEL, MODEL_LOG_Z
from triality.errors import ConfigError
from triality.kernels.gibbs import Gibbs, GibbsState
from triality.kernels.kernel import StepInfo
from triality.kernels.langevin import Mala
from triality.numerics import effective_sample_size
from triality.partition.annealed import annealed_importance
from triality.partition.temperatures import adaptive_temperatures
from triality.samplers.gaussian import Gaussian

CASES = {"gaussian": (GAUSSIAN, GAUSSIAN_Q, Mala(0.15), GAUSSIAN.log_z), "bits": (MODEL, BITS_Q, Gibbs(), MODEL_LOG_Z)}


@pytest.mark.parametrize("name", CASES)
def test_walks_on_them_find_log_z(name):
    energy, q, kernel, log_z = CASES[name]
    choose = jax.jit(lambda key: adaptive_temperatures(key, energy, q, kernel, 500, 60, 0.95))
    temperatures = choose(jax.random.key(0))
    assert float(temperatures[0]) == 0.0
    assert float(temperatures[-1]) == 1.0
    assert bool(jnp.all(jnp.diff(temperatures) >= 0))
    assert 4 < int(jnp.sum(temperatures < 1)) < 59
    estimate = jax.jit(lambda key: annealed_importance(key, energy, q, kernel, temperatures, 2000))(jax.random.key(1))
    assert abs(float(estimate.value - log_z)) < 4 * float(estimate.stderr) < 0.2


def test_every_step_but_the_last_keeps_the_asked_share_of_exact_samples():
    """Gaussians to a Gaussian: the law at each temperature is known, and can be sampled."""
    variance, q = 0.02, Gaussian(jnp.zeros(1), jnp.zeros(1))
    energy = lambda x: 0.5 * jnp.sum(x**2) / variance  # noqa: E731
    temperatures = adaptive_temperatures(jax.random.key(2), energy, q, Mala(0.02), 4000, 40, 0.8, 20)
    used = np.asarray(temperatures[: int(jnp.sum(temperatures < 1)) + 1])
    z = jax.random.normal(jax.random.key(3), (200_000,))
    for now, b in itertools.pairwise(used[:-1]):
        x = z / jnp.sqrt(1 - now + now / variance)
        share = effective_sample_size(-(b - now) * 0.5 * x**2 * (1 / variance - 1)) / 200_000
        assert abs(float(share) - 0.8) < 0.03


class Exact(eqx.Module):
    """Perfect mixing for quadratic energies: an exact draw, from slope and curvature."""

    is_exact = True

    def init(self, position, energy):
        return GibbsState(position, energy(position))

    def step(self, key, state, energy):
        x, curvature = state.position, jax.hessian(energy)(state.position)
        noise = jnp.linalg.solve(jnp.linalg.cholesky(curvature).T, jax.random.normal(key, x.shape))
        x = x - jnp.linalg.solve(curvature, jax.grad(energy)(x)) + noise
        return GibbsState(x, energy(x)), StepInfo(jnp.ones(()), jnp.array(1))


def test_they_beat_equal_steps_of_the_same_number():
    """Toward a Gaussian a hundred times narrower the law changes fastest at first, where equal steps are far too long."""
    energy, q = (lambda x: 5000.0 * jnp.sum((x - 0.5) ** 2)), Gaussian(jnp.zeros(2), jnp.zeros(2))
    log_z = float(jnp.log(jnp.pi / 5000))
    adaptive = adaptive_temperatures(jax.random.key(4), energy, q, Exact(), 1000, 60, 0.8)
    adaptive = adaptive[: int(jnp.sum(adaptive < 1)) + 1]
    equal = jnp.linspace(0.0, 1.0, adaptive.shape[0])
    run = jax.jit(lambda b: annealed_importance(jax.random.key(5), energy, q, Exact(), b, 2000))
    assert abs(float(run(adaptive).value) - log_z) < 4 * float(run(adaptive).stderr)
    assert float(run(adaptive).diagnostics.ess) > 5 * float(run(equal).diagnostics.ess)


def test_too_few_jump_to_the_end():
    temperatures = adaptive_temperatures(jax.random.key(6), GAUSSIAN, GAUSSIAN_Q, Mala(0.15), 200, 4, 0.99)
    assert float(temperatures[-1]) == 1.0
    assert float(temperatures[-2]) < 0.5


def test_bad_requests_are_refused():
    with pytest.raises(ConfigError, match="two temperatures"):
        adaptive_temperatures(jax.random.key(0), GAUSSIAN, GAUSSIAN_Q, Mala(0.1), 10, 1)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        adaptive_temperatures(jax.random.key(0), GAUSSIAN, GAUSSIAN_Q, Mala(0.1), 10, 5, 1.0)

"""Tempered sequential Monte Carlo against closed forms and enumeration; its parts by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, GAUSSIAN, GAUSSIAN_Q, MODEL, MODEL_LOG_Z, NEG_ENERGIES
from triality.errors import ConfigError
from triality.kernels.gibbs import Gibbs
from triality.kernels.langevin import Mala, UnadjustedLangevin
from triality.numerics import effective_sample_size, log_mean_exp
from triality.partition.sequential_monte_carlo import next_temperature, sequential_monte_carlo, systematic_resample, tempered
from triality.sampler import draw

CASES = {"gaussian": (GAUSSIAN, GAUSSIAN_Q, Mala(0.15), GAUSSIAN.log_z), "bits": (MODEL, BITS_Q, Gibbs(), MODEL_LOG_Z)}
SHARE = 0.8


class Colder(eqx.Module):
    """A kernel for twice the energy that it is asked for."""

    kernel: eqx.Module
    is_exact = True

    def init(self, position, energy):
        return self.kernel.init(position, lambda x: 2.0 * energy(x))

    def step(self, key, state, energy):
        return self.kernel.step(key, state, lambda x: 2.0 * energy(x))


@pytest.mark.parametrize("name", CASES)
def test_log_z_is_within_three_standard_errors(name):
    energy, q, kernel, log_z = CASES[name]
    run = jax.jit(lambda key: sequential_monte_carlo(key, energy, q, kernel, 300, 16, 1, SHARE))
    estimate = run(jax.random.key(0))
    assert float(estimate.stderr) < 0.04
    assert abs(float(estimate.value - log_z)) < 3 * float(estimate.stderr)
    # The broken twin: moves that leave another law invariant than the weights are for.
    wrong = jax.jit(lambda key: sequential_monte_carlo(key, energy, q, Colder(kernel), 300, 16, 1, SHARE))(jax.random.key(0))
    assert abs(float(wrong.value - log_z)) > 5 * float(wrong.stderr)


def test_particles_end_at_the_model():
    population = jax.jit(lambda key: tempered(key, MODEL, BITS_Q, Gibbs(), 20_000, 3, SHARE))(jax.random.key(2))
    counts = np.bincount(np.asarray(population.x) @ (2 ** np.arange(5)[::-1]), minlength=32)
    np.testing.assert_allclose(counts / 20_000, jax.nn.softmax(NEG_ENERGIES), atol=5 * np.sqrt(0.25 / 20_000))
    assert float(population.inverse_temperature) == 1.0
    stages = int(population.num_temperatures)
    assert stages > 2
    # At each stage one for the weight, one for the start of the moves, three sweeps of five.
    assert float(population.num_energies) == stages * 20_000 * (1 + 1 + 3 * 5)


def test_one_stage_is_importance_sampling():
    """A share so small that the first temperature is the last."""
    key = jax.random.key(3)
    population = tempered(key, MODEL, BITS_Q, Gibbs(), 300, 1, 0.001)
    drawn = draw(BITS_Q, jax.random.split(key)[1], 300)
    np.testing.assert_allclose(population.log_z, log_mean_exp(-jax.vmap(MODEL)(drawn.x) - drawn.log_q), rtol=1e-12)
    assert int(population.num_temperatures) == 1


def test_a_temperature_keeps_the_asked_share():
    log_ratio = 5.0 * jax.random.normal(jax.random.key(4), (1000,))
    b = next_temperature(jnp.array(0.1), log_ratio, 0.5)
    assert 0.1 < float(b) < 1.0
    assert float(effective_sample_size((b - 0.1) * log_ratio)) == pytest.approx(500, abs=1e-6)


def test_copies_are_the_weights_rounded_up_or_down():
    log_weight = jax.random.normal(jax.random.key(5), (50,))
    index = jax.vmap(lambda key: systematic_resample(key, log_weight))(jax.random.split(jax.random.key(6), 4000))
    copies = np.stack([np.bincount(row, minlength=50) for row in np.asarray(index)])
    expected = 50 * np.asarray(jax.nn.softmax(log_weight))
    assert np.all((copies >= np.floor(expected)) & (copies <= np.ceil(expected)))
    np.testing.assert_allclose(copies.mean(axis=0), expected, atol=5 * 0.5 / np.sqrt(4000))


def test_too_few_temperatures_are_no_estimate():
    assert jnp.isnan(tempered(jax.random.key(7), GAUSSIAN, GAUSSIAN_Q, Mala(0.15), 50, 1, 0.99, 1).log_z)


def test_points_of_infinite_energy_die():
    energy = lambda x: jnp.where(x[0] == 1, jnp.inf, 0.0)  # noqa: E731
    population = tempered(jax.random.key(8), energy, BITS_Q, Gibbs(), 4000, 1, SHARE)
    assert int(population.x[:, 0].sum()) == 0
    assert float(population.log_z) == pytest.approx(np.log(16), abs=0.15)


def test_bad_requests_are_refused():
    key = jax.random.key(0)
    with pytest.raises(ConfigError, match="two repeats"):
        sequential_monte_carlo(key, GAUSSIAN, GAUSSIAN_Q, Mala(0.1), 10, 1)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        tempered(key, GAUSSIAN, GAUSSIAN_Q, Mala(0.1), 10, 1, 1.0)
    with pytest.raises(ConfigError, match="two particles"):
        tempered(key, GAUSSIAN, GAUSSIAN_Q, Mala(0.1), 1)
    with pytest.raises(ConfigError, match="use one with a correction"):
        tempered(key, GAUSSIAN, GAUSSIAN_Q, UnadjustedLangevin(0.1), 10)

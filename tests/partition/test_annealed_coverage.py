"""How often the intervals of annealing and of sequential Monte Carlo hold the truth, and how the bracket closes. Prints its numbers: -s."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, GAUSSIAN, GAUSSIAN_Q, MODEL, MODEL_LOG_Z, gaussian_samples, model_samples
from triality.kernels.gibbs import Gibbs
from triality.kernels.langevin import Mala
from triality.partition.annealed import annealed_importance, reverse_annealed, sigmoid_temperatures
from triality.partition.diagnostics import pareto_k_threshold
from triality.partition.importance import importance
from triality.partition.sequential_monte_carlo import tempered

CASES = {
    "gaussian": (GAUSSIAN, GAUSSIAN_Q, Mala(0.15), gaussian_samples, GAUSSIAN.log_z),
    "bits": (MODEL, BITS_Q, Gibbs(), model_samples, MODEL_LOG_Z),
}
NUM_SEEDS = 1000


def covered(estimates, log_z):
    return float(np.mean(np.abs(np.asarray(estimates.value) - float(log_z)) < 1.96 * np.asarray(estimates.stderr)))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_intervals_cover(name):
    """200 walks of 20 temperatures; ten runs of 200 particles.

    Backward on the Gaussian, where q is broader than the model in every direction, weights are heavy-tailed and the interval too short:
    known, stated in the documentation, and here only kept from getting worse. Ten runs have Student's nine degrees of freedom.
    """
    energy, q, kernel, sample, log_z = CASES[name]
    temperatures = sigmoid_temperatures(20)

    @jax.jit
    def all_seeds(keys):
        def one(key):
            keys = jax.random.split(key, 3)
            forward = annealed_importance(keys[0], energy, q, kernel, temperatures, 200)
            backward = reverse_annealed(keys[1], energy, q, kernel, temperatures, sample(keys[2], 200))
            return forward, backward, tempered(key, energy, q, kernel, 200, 1, 0.8).log_z

        return jax.lax.map(one, keys)

    forward, backward, runs = all_seeds(jax.random.split(jax.random.key(0), NUM_SEEDS))
    repeated = jax.vmap(importance)(runs.reshape(-1, 10))
    found = [covered(estimates, log_z) for estimates in (forward, backward, repeated)]
    print(f"\n{name}: covered {100 * found[0]:.1f} % forward, {100 * found[1]:.1f} % backward, {100 * found[2]:.0f} % sequential")
    assert found[0] > 0.95 - 4 * np.sqrt(0.95 * 0.05 / NUM_SEEDS)
    assert found[1] > 0.78
    assert found[2] > 0.92 - 4 * np.sqrt(0.92 * 0.08 / 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_bracket_closes_with_more_temperatures(name):
    """Mean of 200 brackets of 50 walks: both ends leave log Z to their own sides, by less and less."""
    energy, q, kernel, sample, log_z = CASES[name]
    gaps = []
    for num_temperatures in (5, 20, 80):
        temperatures = sigmoid_temperatures(num_temperatures)

        def one(key, temperatures=temperatures):
            keys = jax.random.split(key, 3)
            forward = annealed_importance(keys[0], energy, q, kernel, temperatures, 50)
            backward = reverse_annealed(keys[1], energy, q, kernel, temperatures, sample(keys[2], 50))
            return jnp.stack([forward.value, backward.value]) - log_z

        ends = np.asarray(jax.jit(lambda keys, one=one: jax.lax.map(one, keys))(jax.random.split(jax.random.key(1), 200)))
        print(f"\n{name}, {num_temperatures} temperatures: {ends.mean(axis=0).round(4)} +- {(ends.std(axis=0) / np.sqrt(200)).round(4)}")
        gaps.append(ends[:, 1].mean() - ends[:, 0].mean())
    assert gaps[0] > gaps[2]
    assert gaps[0] > 0.02


@pytest.mark.slow
def test_more_temperatures_mend_the_backward_interval_and_k_hat_does_not_find_the_runs_that_fail():
    energy, q, kernel, sample, log_z = CASES["gaussian"]
    rates = []
    for num_temperatures in (20, 80, 200):
        temperatures = sigmoid_temperatures(num_temperatures)

        def one(key, temperatures=temperatures):
            keys = jax.random.split(key)
            return reverse_annealed(keys[0], energy, q, kernel, temperatures, sample(keys[1], 200))

        estimates = jax.jit(lambda keys, one=one: jax.lax.map(one, keys))(jax.random.split(jax.random.key(5), 500))
        trusted = estimates.diagnostics.pareto_k < pareto_k_threshold(200)
        among = covered(jax.tree.map(lambda leaf, trusted=trusted: leaf[trusted], estimates), log_z)
        rates.append(covered(estimates, log_z))
        print(
            f"\n{num_temperatures} temperatures: {100 * rates[-1]:.1f} %, of {int(trusted.sum())} below the threshold {100 * among:.1f} %"
        )
    assert rates[0] < 0.88 < 0.91 < rates[2]

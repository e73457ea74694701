"""Laws of every kernel: from one wrong start for all, chains end in the law of the energy; under another energy they do not."""

import builtins

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.energies.quadratic import QuadraticEnergy
from triality.errors import ConfigError
from triality.kernels.chains import run_chains
from triality.kernels.hamiltonian import HamiltonianMonteCarlo, NoUTurn
from triality.kernels.independence import IndependenceMetropolis
from triality.kernels.kernel import ChainState, Kernel
from triality.kernels.langevin import Mala, UnadjustedLangevin
from triality.samplers.gaussian import Gaussian

GAUSSIAN = QuadraticEnergy(jnp.array([0.7, -0.4]), jnp.array([0.5, 0.1]), jnp.array([[0.0, 0.0], [0.8, 0.0]]))
BROAD = Gaussian(jnp.array([0.3, -0.1]), jnp.array([0.2, 0.2]))
WIDE = Gaussian(jnp.array([-0.2]), jnp.array([0.7]))
NUM_CHAINS = 5_000
FALSE_ALARM = 1e-6
COLD, WARM = jnp.array(1.0), jnp.array(1.4)


def log_gamma(x):
    """exp(x) follows a Gamma law of shape 1.5: lopsided, with a tail to the left only."""
    return jnp.sum(jnp.exp(x) - 1.5 * x)


# Name -> kernel in one dimension, kernel in two, number of steps.
CASES = {
    "mala": (Mala(0.5), Mala(0.2), 80),
    "hmc": (HamiltonianMonteCarlo(0.4, jnp.ones(1), 4), HamiltonianMonteCarlo(0.3, jnp.array([0.5, 1.0]), 5), 30),
    "no-u-turn": (NoUTurn(0.5, jnp.ones(1), 4), NoUTurn(0.4, jnp.array([0.5, 1.0]), 4), 12),
    "independence": (IndependenceMetropolis(WIDE), IndependenceMetropolis(BROAD), 80),
}


@eqx.filter_jit
def ends(kernel, energy, dim, num_steps, temperature=COLD):
    starts = jnp.zeros((NUM_CHAINS, dim))
    return run_chains(jax.random.key(0), kernel, lambda x: energy(x) / temperature, starts, num_steps)


def gamma_p_value(x):
    return stats.kstest(np.exp(np.asarray(x)[:, 0]), stats.gamma(1.5).cdf).pvalue


def gaussian_p_value(x):
    """Four directions of L^T (x - m), each standard normal; the smallest of the four."""
    z = np.asarray((x - GAUSSIAN.mean) @ GAUSSIAN.factor)
    directions = [z[:, 0], z[:, 1], (z[:, 0] + z[:, 1]) / np.sqrt(2), (z[:, 0] - z[:, 1]) / np.sqrt(2)]
    return min(stats.kstest(direction, "norm").pvalue for direction in directions)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name == "no-u-turn" else []) for name in CASES])
def test_chains_end_in_the_law_of_the_energy(name):
    in_one, in_two, num_steps = CASES[name]
    for kernel, energy, dim, p_value in ((in_one, log_gamma, 1, gamma_p_value), (in_two, GAUSSIAN, 2, gaussian_p_value)):
        assert p_value(ends(kernel, energy, dim, num_steps).x) > FALSE_ALARM
        # The control: the same energy, at a temperature of 1.4.
        assert p_value(ends(kernel, energy, dim, num_steps, WARM).x) < FALSE_ALARM


def test_langevin_without_correction_ends_in_its_own_law():
    """Variance s^2/(1 - h/(2 s^2)) on a Gaussian; Mala at the same step keeps s^2."""
    energy, variance, step = (lambda x: 0.5 * jnp.sum((x - 1.0) ** 2) / 0.8), 0.8, 0.6
    raw = np.asarray(ends(UnadjustedLangevin(step), energy, 1, 60).x)[:, 0]
    corrected = np.asarray(ends(Mala(step), energy, 1, 60).x)[:, 0]
    expected = variance / (1 - step / (2 * variance))
    assert stats.kstest(raw, stats.norm(1.0, np.sqrt(expected)).cdf).pvalue > FALSE_ALARM
    assert stats.kstest(corrected, stats.norm(1.0, np.sqrt(variance)).cdf).pvalue > FALSE_ALARM
    assert stats.kstest(raw, stats.norm(1.0, np.sqrt(variance)).cdf).pvalue < FALSE_ALARM


def test_temperature_scales_the_noise_alone():
    energy, step = (lambda x: 0.5 * jnp.sum(x**2)), 0.1
    cold = np.asarray(ends(UnadjustedLangevin(step, 0.25), energy, 1, 60).x)
    np.testing.assert_allclose(cold.var(), 0.25 / (1 - step / 2), rtol=5 * np.sqrt(2 / NUM_CHAINS))


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name == "no-u-turn" else []) for name in CASES])
def test_a_kernel_and_its_state_follow_the_protocol(name):
    kernel = CASES[name][0]
    state = kernel.init(jnp.zeros(1), log_gamma)
    assert isinstance(kernel, Kernel)
    assert isinstance(state, ChainState)
    assert kernel.is_exact
    assert not hasattr(kernel, "log_prob")


def test_evaluations_of_the_energy_are_counted():
    """One evaluation a proposal, one at the start; a trajectory costs its length."""
    assert set(np.asarray(ends(Mala(0.5), log_gamma, 1, 80).num_energies)) == {81}
    hmc = ends(CASES["hmc"][0], log_gamma, 1, 30)
    assert set(np.asarray(hmc.num_energies)) == {1 + 30 * 4}
    assert hmc.path.shape == (30, NUM_CHAINS, 1)
    assert bool(jnp.all((hmc.acceptance >= 0) & (hmc.acceptance <= 1)))


def test_a_proposal_that_is_the_target_is_always_accepted():
    energy = lambda x: -BROAD.log_prob(x) + 3.0  # noqa: E731
    assert float(ends(IndependenceMetropolis(BROAD), energy, 2, 5).acceptance.min()) == pytest.approx(1.0, abs=1e-12)


def test_a_chain_leaves_a_point_of_infinite_energy():
    energy = lambda x: jnp.where(x[0] > 0.5, 0.5 * jnp.sum(x**2), jnp.inf)  # noqa: E731
    assert float(ends(IndependenceMetropolis(WIDE), energy, 1, 60).x.min()) > 0.5


def test_bad_requests_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="at least one step"):
        run_chains(jax.random.key(0), Mala(0.1), log_gamma, jnp.zeros((2, 1)), 0)
    real = builtins.__import__

    def without_blackjax(name, *args, **kwargs):
        if name == "blackjax":
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_blackjax)
    with pytest.raises(ConfigError, match=r'pip install "triality\[samplers\]"'):
        Mala(0.1).init(jnp.zeros(1), log_gamma)

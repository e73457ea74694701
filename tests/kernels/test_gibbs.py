"""Gibbs sweeps of 0/1 vectors against enumeration."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.energies.linear import LinearEnergy, pairwise_features
from triality.kernels.chains import run_chains
from triality.kernels.gibbs import Gibbs, GibbsState, RandomScanGibbs
from triality.kernels.kernel import Kernel, StepInfo

DIM, NUM_CHAINS, FALSE_ALARM = 4, 20_000, 1e-6
MODEL = LinearEnergy(pairwise_features, jnp.array([0.5, -1.0, 0.2, 0.8, 1.5, -0.7, 0.3, -1.2, 0.6, 0.9]))
STATES = jnp.array(list(itertools.product([0, 1], repeat=DIM)))
LAW = np.asarray(jax.nn.softmax(-jax.vmap(MODEL)(STATES)))


class AllAtOnce(eqx.Module):
    """The broken twin: every site from the same old neighbors, which leaves another law invariant."""

    is_exact = True
    init = Gibbs.init

    def step(self, key, state, energy):
        x = state.position
        flipped = jnp.where(jnp.eye(DIM, dtype=bool), 1 - x, x)
        change = state.energy - jax.vmap(energy)(flipped)
        x = jnp.where(jax.random.logistic(key, (DIM,)) < change, 1 - x, x)
        return GibbsState(x, energy(x)), StepInfo(jnp.ones(()), jnp.array(DIM))


@eqx.filter_jit
def ends(kernel, energy, num_steps=25):
    return run_chains(jax.random.key(0), kernel, energy, jnp.zeros((NUM_CHAINS, DIM), int), num_steps)


def p_value(x):
    counts = np.bincount(np.asarray(x) @ (2 ** np.arange(DIM)[::-1]), minlength=2**DIM)
    return stats.chisquare(counts, NUM_CHAINS * LAW).pvalue


def test_sweeps_end_in_the_enumerated_law():
    assert p_value(ends(Gibbs(), MODEL).x) > FALSE_ALARM
    assert p_value(ends(AllAtOnce(), MODEL).x) < FALSE_ALARM
    assert p_value(ends(Gibbs(), LinearEnergy(pairwise_features, -MODEL.weights)).x) < FALSE_ALARM


def sweep_matrix(energy):
    """P(x'|x) of one sweep, as a product of the sites' matrices, written out from the conditionals."""
    energies = np.asarray(jax.vmap(energy)(STATES))
    bits, total = np.asarray(STATES), np.eye(2**DIM)
    for site in range(DIM):
        step = np.zeros((2**DIM, 2**DIM))
        for index in range(2**DIM):
            other = index ^ (1 << (DIM - 1 - site))
            assert bits[other, site] != bits[index, site]
            step[index, other] = 1 / (1 + np.exp(energies[other] - energies[index]))
            step[index, index] = 1 - step[index, other]
        total = total @ step
    return total


def test_one_sweep_has_the_transition_probabilities_of_the_conditionals():
    matrix = sweep_matrix(MODEL)
    np.testing.assert_allclose(LAW @ matrix, LAW, atol=1e-12)
    counts = np.bincount(np.asarray(ends(Gibbs(), MODEL, 1).x) @ (2 ** np.arange(DIM)[::-1]), minlength=2**DIM)
    assert stats.chisquare(counts, NUM_CHAINS * matrix[0]).pvalue > FALSE_ALARM


def random_scan_matrix(energy):
    """P(x'|x) of one visit to a site drawn at random."""
    energies = np.asarray(jax.vmap(energy)(STATES))
    step = np.zeros((2**DIM, 2**DIM))
    for index in range(2**DIM):
        for site in range(DIM):
            other = index ^ (1 << (DIM - 1 - site))
            step[index, other] = 1 / (1 + np.exp(energies[other] - energies[index])) / DIM
        step[index, index] = 1 - step[index].sum()
    return step


def test_visits_at_random_have_their_own_transition_probabilities_and_are_reversible():
    matrix = random_scan_matrix(MODEL)
    flow = LAW[:, None] * matrix
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    assert np.abs(LAW[:, None] * sweep_matrix(MODEL) - (LAW[:, None] * sweep_matrix(MODEL)).T).max() > 1e-3
    three = np.linalg.matrix_power(matrix, 3)[0]
    x = np.asarray(ends(RandomScanGibbs(3), MODEL, 1).x) @ (2 ** np.arange(DIM)[::-1])
    reached = three > 0
    counts = np.bincount(x, minlength=2**DIM)
    assert counts[~reached].sum() == 0
    assert stats.chisquare(counts[reached], NUM_CHAINS * three[reached]).pvalue > FALSE_ALARM
    assert stats.chisquare(counts[reached], NUM_CHAINS * LAW[reached] / LAW[reached].sum()).pvalue < FALSE_ALARM
    assert p_value(ends(RandomScanGibbs(DIM), MODEL, 60).x) > FALSE_ALARM


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.float32, jnp.float64])
def test_the_type_of_a_vector_is_kept_and_its_energy_is_up_to_date(dtype):
    state = Gibbs().init(jnp.zeros(DIM, dtype), MODEL)
    state, info = jax.jit(lambda key, state: Gibbs().step(key, state, MODEL))(jax.random.key(3), state)
    assert state.position.dtype == dtype
    assert float(state.energy) == pytest.approx(float(MODEL(state.position)), rel=1e-6)
    assert set(np.asarray(state.position).tolist()) <= {0, 1}
    assert int(info.num_energies) == DIM
    assert isinstance(Gibbs(), Kernel)


def test_a_site_of_infinite_energy_is_left_and_never_entered():
    def energy(x):
        return jnp.where(x[0] == 1, jnp.inf, jnp.sum(0.3 * x))

    kernel = Gibbs()
    starts = jnp.tile(jnp.array([[1, 0, 0, 1]]), (500, 1))
    chains = run_chains(jax.random.key(0), kernel, energy, starts, 3)
    assert int(chains.x[:, 0].sum()) == 0
    assert 0.2 < float(chains.x[:, 1].mean()) < 0.6

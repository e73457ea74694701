"""Block Gibbs on a small restricted Boltzmann machine against enumeration; inside annealing; and blocks that interact, which are wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError
from triality.kernels.block_gibbs import BlockGibbs
from triality.kernels.chains import run_chains
from triality.kernels.gibbs import Gibbs
from triality.kernels.kernel import Kernel
from triality.partition.annealed import annealed_importance, sigmoid_temperatures
from triality.partition.exact import binary_vectors
from triality.samplers.bernoulli import fit_bernoulli

DIM, NUM_CHAINS, FALSE_ALARM = 5, 20_000, 1e-6
COUPLING = jnp.array([[2.0, -1.5], [-0.7, 1.2], [1.1, 0.4]])
VISIBLE, HIDDEN = jnp.array([-0.5, 0.8, -1.0]), jnp.array([0.3, -0.9])
STATES = binary_vectors(DIM)
LAYERS = BlockGibbs(((3, 4), (0, 1, 2)))


def machine(x):
    """Visible units 0, 1, 2; hidden units 3, 4."""
    v, h = x[:3], x[3:]
    return -(VISIBLE @ v) - HIDDEN @ h - v @ COUPLING @ h


NEG_ENERGIES = -jax.vmap(machine)(STATES)
LAW = np.asarray(jax.nn.softmax(NEG_ENERGIES))


@eqx.filter_jit
def ends(kernel, num_steps):
    return run_chains(jax.random.key(0), kernel, machine, jnp.zeros((NUM_CHAINS, DIM), int), num_steps)


def p_value(x, law):
    counts = np.bincount(np.asarray(x) @ (2 ** np.arange(DIM)[::-1]), minlength=2**DIM)
    return stats.chisquare(counts, NUM_CHAINS * law).pvalue


def test_layers_in_turn_end_in_the_enumerated_law():
    assert p_value(ends(LAYERS, 40).x, LAW) > FALSE_ALARM
    # The broken twin: layers mixed up, so that the units of a block interact.
    assert p_value(ends(BlockGibbs(((0, 3), (1, 2, 4))), 40).x, LAW) < FALSE_ALARM


def test_one_sweep_has_the_probabilities_of_the_formula():
    """From zeros: hidden units by their biases, then visible ones given the hidden."""
    hidden = np.asarray(jax.nn.sigmoid(HIDDEN))
    given = np.asarray(jax.nn.sigmoid(VISIBLE + STATES[:, 3:] @ COUPLING.T))
    x = np.asarray(STATES)
    law = np.prod(np.where(x[:, 3:] == 1, hidden, 1 - hidden), axis=1) * np.prod(np.where(x[:, :3] == 1, given, 1 - given), axis=1)
    np.testing.assert_allclose(law.sum(), 1.0)
    assert p_value(ends(LAYERS, 1).x, law) > FALSE_ALARM
    assert p_value(ends(LAYERS, 1).x, LAW) < FALSE_ALARM


def test_blocks_of_one_are_a_sweep():
    """Chains with the same keys take the same path."""
    alone = run_chains(jax.random.key(1), BlockGibbs([[i] for i in range(DIM)]), machine, STATES, 5)
    sweep = run_chains(jax.random.key(1), Gibbs(), machine, STATES, 5)
    np.testing.assert_array_equal(alone.path, sweep.path)
    assert set(np.asarray(alone.num_energies)) == {1 + 5 * (DIM + DIM)}


def test_annealing_with_layers_finds_log_z():
    q = fit_bernoulli(STATES[::3])
    estimate = jax.jit(lambda key: annealed_importance(key, machine, q, LAYERS, sigmoid_temperatures(10), 2000))(jax.random.key(2))
    assert abs(float(estimate.value - jax.nn.logsumexp(NEG_ENERGIES))) < 4 * float(estimate.stderr) < 0.1


def test_the_protocol_and_bad_requests():
    assert isinstance(LAYERS, Kernel)
    with pytest.raises(ConfigError, match="every site in one block"):
        BlockGibbs(((0, 1), (1, 2)))
    with pytest.raises(ConfigError, match="every site in one block"):
        BlockGibbs(((0, 2),))
    with pytest.raises(ConfigError, match="name every site"):
        LAYERS.init(jnp.zeros(6, int), machine)

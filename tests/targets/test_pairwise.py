"""Boltzmann machines on few bits: against sums by hand, the transfer matrix of the Ising chain, and counted draws."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError
from triality.sampler import draw
from triality.targets.pairwise import ising_chain, pairwise_binary, random_pairwise


def test_against_a_sum_in_python():
    target = random_pairwise(jax.random.key(0), 5)
    theta = np.asarray(target.model.weights)
    states = np.array(list(itertools.product([0, 1], repeat=5)))
    energies = [
        theta[:5] @ x + sum(theta[5 + k] * x[i] * x[j] for k, (i, j) in enumerate(itertools.combinations(range(5), 2))) for x in states
    ]
    log_z = np.logaddexp.reduce(-np.array(energies))
    np.testing.assert_allclose(target.log_z, log_z, rtol=1e-12)
    listed, log_p = target.table
    np.testing.assert_array_equal(listed, states)
    np.testing.assert_allclose(log_p, -np.array(energies) - log_z, atol=1e-12)
    np.testing.assert_allclose(jax.vmap(target.log_prob)(jnp.asarray(states)), log_p, atol=1e-12)
    np.testing.assert_allclose(jnp.sum(jnp.exp(log_p)), 1.0, rtol=1e-12)


@pytest.mark.parametrize(("dim", "coupling", "field"), [(2, 0.7, 0.0), (7, -0.4, 0.3), (16, 0.5, -0.2)])
def test_ising_chain_by_its_transfer_matrix(dim, coupling, field):
    spins = np.array([-1.0, 1.0])
    step = np.exp(coupling * spins[:, None] * spins + field * spins)
    z = (np.exp(field * spins) @ np.linalg.matrix_power(step, dim - 1)).sum()
    np.testing.assert_allclose(ising_chain(dim, coupling, field).log_z, np.log(z) - (dim - 1) * coupling + dim * field, rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 5, 8])
def test_draws_follow_the_table(dim):
    target = random_pairwise(jax.random.key(dim), dim)
    x, log_q, _ = jax.jit(lambda key: draw(target, key, 20_000))(jax.random.key(1))
    np.testing.assert_allclose(log_q, jax.vmap(target.log_prob)(x), atol=1e-12)
    counts = np.bincount(np.asarray(x) @ (2 ** np.arange(dim - 1, -1, -1)), minlength=2**dim)
    expected = 20_000 * np.exp(np.asarray(target.table[1]))

    def p_value(counts):
        rare = expected < 5
        pooled = np.append(expected[~rare], max(expected[rare].sum(), 1e-9)), np.append(counts[~rare], counts[rare].sum())
        return stats.chi2.sf(np.sum((pooled[1] - pooled[0]) ** 2 / np.maximum(pooled[0], 1.0)), len(pooled[0]) - 1)

    assert p_value(counts) > 1e-6
    assert p_value(counts[::-1]) < 1e-6  # the control: 0 and 1 exchanged


def test_other_values_have_no_mass():
    assert float(random_pairwise(jax.random.key(0), 3).log_prob(jnp.array([0, 2, 1]))) == -np.inf


def test_wrong_sizes_are_refused():
    with pytest.raises(ConfigError, match="expected 2 to 16 bits"):
        random_pairwise(jax.random.key(0), 17)
    with pytest.raises(ConfigError, match="expected 6 weights for 3 bits, got 5"):
        pairwise_binary(jnp.zeros(5), 3)

"""MCMC is slow between modes (section 2.2): a barrier of ten nats stops every local kernel, and not the draws of a generator."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.kernels.chains import run_chains
from triality.kernels.hamiltonian import HamiltonianMonteCarlo
from triality.kernels.independence import IndependenceMetropolis
from triality.kernels.langevin import Mala
from triality.kernels.mixing import mode_visits, split_r_hat
from triality.partition.exact import trapezoid
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler

WELLS = jnp.array([[-1.0], [1.0]])
GENERATOR = MixtureSampler(jax.vmap(Gaussian)(WELLS, jnp.full((2, 1), -1.8)), jnp.array([0.2, 0.0]))


def two_wells(x):
    """Wells at -1 and 1, the left one lower, ten nats between them."""
    return 10.0 * jnp.sum((x**2 - 1.0) ** 2) + 0.3 * jnp.sum(x)


def right_share():
    grid = trapezoid([-3.0], [3.0], 2001)
    share = jax.nn.softmax(-jax.vmap(two_wells)(grid.points) + grid.log_volume)
    return float(jnp.sum(share * (grid.points[:, 0] > 0)))


@eqx.filter_jit
def path_of(kernel, starts, num_steps=200):
    return run_chains(jax.random.key(0), kernel, two_wells, starts, num_steps).path


@pytest.mark.parametrize("kernel", [Mala(0.008), HamiltonianMonteCarlo(0.08, jnp.ones(1), 5)], ids=["mala", "hmc"])
def test_local_kernels_stay_in_the_well_where_they_start(kernel):
    for start, well in ((-1.0, 0), (1.0, 1)):
        shares, passages = mode_visits(path_of(kernel, jnp.full((200, 1), start)), WELLS)
        assert abs(float(shares[1]) - right_share()) > 0.2
        assert float(shares[well]) > 0.95
        assert float(passages) < 0.01


def test_a_generators_draws_corrected_or_not_are_in_the_right_wells():
    shares, passages = mode_visits(path_of(IndependenceMetropolis(GENERATOR), jnp.full((1000, 1), -1.0))[20:], WELLS)
    assert abs(float(shares[1]) - right_share()) < 0.02
    assert float(passages) > 0.2


def test_r_hat_sees_chains_that_have_not_met_and_nothing_that_no_chain_has_seen():
    apart = jnp.concatenate([jnp.full((20, 1), -1.0), jnp.full((20, 1), 1.0)])
    assert float(split_r_hat(path_of(Mala(0.008), apart)[50:])[0]) > 2.0
    assert float(split_r_hat(path_of(IndependenceMetropolis(GENERATOR), apart)[50:])[0]) < 1.05
    # Blind: all in one well.
    assert float(split_r_hat(path_of(HamiltonianMonteCarlo(0.08, jnp.ones(1), 5), jnp.full((40, 1), -1.0))[50:])[0]) < 1.1


def test_r_hat_by_hand():
    """Two chains of four steps: halves (0, 2), (4, 6), (1, 3), (5, 7), variance 2 within, means 1, 5, 2, 6."""
    path = jnp.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])[..., None]
    between = np.var([1.0, 5.0, 2.0, 6.0], ddof=1)
    assert float(split_r_hat(path)[0]) == pytest.approx(np.sqrt(0.5 + between / 2.0))
    with pytest.raises(ConfigError, match="four steps"):
        split_r_hat(path[:3])

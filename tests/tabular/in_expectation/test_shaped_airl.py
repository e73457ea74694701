"""The disentangling theorem of Fu et al. 2018, on rings of eight states: where it holds, and both ways in which it does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.tabular import TabularMDP, Visitation, soft_value_iteration
from triality.tabular.in_expectation import AlternationConfig, exact_visits, shaped_airl
from triality.tabular.in_expectation.shaped_airl import TransitionDiscriminator
from triality.tabular.linked_states import linked_states

SIZE, GAMMA = 8, 0.8
LINKED, PARTED = (-1, 0, 1), (-1, 1, 3)  # with a stay, all are linked; by odd moves alone, even states never meet odd ones
START = jnp.full(SIZE, 1 / SIZE)
COST = 1.5 * jax.random.normal(jax.random.key(90), (SIZE,))
CONFIG = AlternationConfig(tolerance=1e-8)


def ring(moves, slip=0.0):
    """Moves around the ring; with probability ``slip`` one stays. Two branches always, so that nothing is compiled twice."""
    reached = (np.arange(SIZE)[:, None] + np.array(moves)) % SIZE
    successors = np.stack([reached, np.broadcast_to(np.arange(SIZE)[:, None], reached.shape)], axis=-1)
    return TabularMDP.from_sparse(successors, np.broadcast_to([1.0 - slip, slip], successors.shape), START, discount=GAMMA)


def demonstrations(mdp, cost=COST):
    expert = soft_value_iteration(mdp, jnp.broadcast_to(cost[:, None], (SIZE, 3)), tolerance=1e-12)
    return expert, Visitation(exact_visits(mdp, expert.log_policy, START), START)


def found_in(mdp):
    expert, demonstrated = demonstrations(mdp)
    return expert, shaped_airl(mdp, demonstrated, CONFIG)


def test_a_cost_of_states_is_recovered_up_to_a_constant_and_the_potential_is_the_soft_value():
    expert, found = found_in(ring(LINKED))
    assert found.learned.converged
    assert found.num_parts == 1
    assert found.learned.gap < 1e-6
    assert np.ptp(found.state_cost - COST) < 1e-5
    assert np.ptp(found.potential - expert.value) < 1e-5
    assert np.ptp(found.state_cost + COST) > 1.0  # the sign
    np.testing.assert_allclose(found.learned.cost, jnp.broadcast_to(found.state_cost[:, None], (SIZE, 3)))


def test_where_states_are_not_linked_it_is_another_cost_that_acts_alike():
    """The broken twin: imitation is as good, and what is wrong is a constant for each part, as the theory says."""
    _, found = found_in(ring(PARTED))
    assert found.learned.converged
    assert found.num_parts == 2
    assert found.learned.gap < 1e-6
    error = found.state_cost - COST
    assert np.ptp(error) > 0.1, np.ptp(error)
    assert np.ptp(error[::2]) < 1e-5
    assert np.ptp(error[1::2]) < 1e-5


def test_nor_is_it_recovered_where_dynamics_are_stochastic():
    _, found = found_in(ring(LINKED, slip=0.4))
    assert found.num_parts == 1
    assert np.ptp(found.state_cost - COST) > 0.1


def test_a_lagging_generator_from_elsewhere_ends_at_the_same_cost():
    _, demonstrated = demonstrations(ring(LINKED))
    elsewhere = jax.nn.log_softmax(2.0 * jax.random.normal(jax.random.key(91), (SIZE, 3)), axis=-1)
    lagging = AlternationConfig(share=0.3, tolerance=1e-8)
    assert np.ptp(shaped_airl(ring(LINKED), demonstrated, lagging, elsewhere).state_cost - COST) < 1e-5


def test_the_discriminator_alone_is_off_by_the_log_ratio_of_state_visits():
    """c_E - log rho_E / rho_pi at a generator that has not arrived; without the ratio, or with its sign turned, the slope is not zero."""
    mdp = ring(LINKED)
    expert, demonstrated = demonstrations(mdp)
    generator = jax.nn.log_softmax(jax.random.normal(jax.random.key(92), (SIZE, 3)), axis=-1)
    rho_expert, rho = (jnp.sum(each, axis=-1) for each in (demonstrated.state_action, exact_visits(mdp, generator, START)))
    slope = jax.grad(TransitionDiscriminator.of(mdp, demonstrated, generator))
    ratio = jnp.log(rho_expert) - jnp.log(rho)
    np.testing.assert_allclose(slope(jnp.stack([COST - ratio, expert.value])), 0.0, atol=1e-9)
    for wrong in (COST, COST + ratio):
        assert jnp.max(jnp.abs(slope(jnp.stack([wrong, expert.value])))) > 0.01


def test_the_bound_of_curvature_is_one():
    """Second differences of the loss: the bound's own where D is 1/2 everywhere, and no more than it elsewhere."""
    mdp = ring(LINKED)
    expert, demonstrated = demonstrations(mdp)
    at_expert = TransitionDiscriminator.of(mdp, demonstrated, expert.log_policy)
    true, elsewhere, along = jnp.stack([COST, expert.value]), *jax.random.normal(jax.random.key(93), (2, 2, SIZE))
    bound = along.ravel() @ at_expert.curvature() @ along.ravel()

    def second(parts):
        below, here, above = (at_expert(parts + step * along) for step in (-1e-4, 0.0, 1e-4))
        return (below - 2.0 * here + above) / 1e-8

    np.testing.assert_allclose(second(true), bound, rtol=1e-4)
    assert second(elsewhere) < 0.9 * bound


def test_a_state_that_follows_none_is_a_part_by_itself():
    chain = TabularMDP.from_sparse([[[1]], [[2]], [[2]]], np.ones((3, 1, 1)), 0, discount=GAMMA)
    assert linked_states(chain).tolist() == [0, 1, 2]  # 1 and 2 follow one state each
    assert linked_states(ring(PARTED)).tolist() == [0, 1] * 4
    padded = TabularMDP.from_sparse([[[1, 0]], [[0, 1]]], [[[1.0, 0.0]], [[1.0, 0.0]]], 0, discount=GAMMA)
    assert linked_states(padded).tolist() == [0, 1]  # what has no probability links nothing


def test_what_is_refused():
    mdp = ring(LINKED)
    _, demonstrated = demonstrations(mdp)
    with pytest.raises(DataError, match="sum to 1"):
        shaped_airl(mdp, Visitation(2.0 * demonstrated.state_action, START))
    with pytest.raises(ConfigError, match="got a horizon of 3"):
        shaped_airl(TabularMDP.from_sparse(np.asarray(mdp.successors), np.exp(mdp.log_probabilities), START, horizon=3), demonstrated)

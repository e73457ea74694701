"""The dimensions by hand and by an independent derivative; which pairs are determined; and that a flat direction is flat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.judging.instances import discounted, of_pairs
from triality.errors import ConfigError, DataError
from triality.judging.identifiability import DETERMINED, NOT_AT_ALL, UP_TO_SHAPING, demonstrated_visits, identifiability
from triality.judging.tables import shapings
from triality.tabular import (
    LinearCost,
    StateActionCost,
    StateCost,
    TabularDemonstrations,
    TabularMDP,
    causal_solution,
    empirical_visitation,
    sample_demonstrations,
    soft_value_iteration,
)
from triality.tabular.worlds import random_mdp

UNIFORM = np.full((5, 3), -np.log(3.0))


@pytest.fixture(scope="module")
def mdp():
    return discounted()


def everywhere(mdp):
    return np.ones((mdp.horizon or 1, mdp.num_states, mdp.num_actions))


def log_policy(mdp, cost):
    return np.asarray(soft_value_iteration(mdp, jnp.asarray(cost), tolerance=1e-12).log_policy)


def test_of_a_full_table_as_many_directions_are_shaping_as_there_are_states(mdp):
    found = identifiability(mdp, log_policy(mdp, of_pairs(mdp, 1)), StateActionCost(mdp), everywhere(mdp))
    assert (found.num_parameters, found.num_determined, found.num_shaping, found.num_unseen) == (15, 10, 5, 0)
    assert found.has_constant
    assert np.all(found.level == UP_TO_SHAPING)
    assert found.num_redistribution == 15 * 2
    np.testing.assert_allclose(np.linalg.matrix_rank(np.column_stack([found.flat, shapings(mdp)]), tol=1e-8), 5)  # the same space


def test_a_flat_direction_changes_no_visited_choice_and_another_does(mdp):
    """With one state never visited, along every flat direction the policy stays what it is in the others."""
    cost, visits = of_pairs(mdp, 1), everywhere(mdp)
    visits[0, 3] = 0.0
    before, step = log_policy(mdp, cost), 1e-5
    found = identifiability(mdp, before, StateActionCost(mdp), visits)
    assert (found.num_shaping, found.num_unseen) == (5, 2)  # of three costs there, one is the value of the state, which shaping holds
    assert found.unvisited_states.tolist() == [3]
    kept = [0, 1, 2, 4]
    for direction in found.flat.T:
        moved = log_policy(mdp, cost + step * direction.reshape(5, 3))
        np.testing.assert_allclose((moved - before)[kept] / step, 0.0, atol=1e-3)
    sharp = np.linalg.svd(np.eye(15) - found.flat @ found.flat.T)[0][:, 0]
    assert np.abs((log_policy(mdp, cost + step * sharp.reshape(5, 3)) - before)[kept] / step).max() > 0.1


def test_an_unvisited_state_is_not_determined_and_the_others_are(mdp):
    visits = everywhere(mdp)
    visits[0, 3] = 0.0
    visits[0, 0, 1] = 0.0
    found = identifiability(mdp, UNIFORM, StateActionCost(mdp), visits)
    assert np.all(found.level[3] == NOT_AT_ALL)
    assert found.state_level.tolist().count(NOT_AT_ALL) == 1
    assert found.num_untaken == 1
    said = " ".join(found.words())
    for part in (
        "1 state (3)",
        "1 action of visited states was never taken",
        "5 directions of the class are potential shaping",
        "temperature",
    ):
        assert part in said


def test_a_cost_of_states_is_determined_up_to_a_constant(mdp):
    """On these dynamics; on a ring where every action goes round, nothing is."""
    found = identifiability(mdp, UNIFORM, StateCost(mdp), everywhere(mdp))
    assert (found.num_parameters, found.num_determined, found.num_shaping) == (5, 4, 1)
    assert np.all(found.level == DETERMINED)
    ring = TabularMDP.from_sparse([[[1], [1]], [[2], [2]], [[0], [0]]], np.ones((3, 2, 1)), 0, discount=0.5)
    lost = identifiability(ring, np.full((3, 2), -np.log(2.0)), StateCost(ring), everywhere(ring))
    assert (lost.num_determined, lost.num_shaping) == (0, 3)
    assert np.all(lost.level == UP_TO_SHAPING)  # there c(x) is h(x) - h(x') / 2


def test_without_flat_directions_everything_is_determined(mdp):
    model = LinearCost(jnp.asarray(np.random.default_rng(0).normal(size=(5, 3, 2))))
    found = identifiability(mdp, UNIFORM, model, everywhere(mdp))
    assert (found.num_determined, found.flat.shape, found.has_constant) == (2, (2, 0), False)
    assert np.all(found.level == DETERMINED)
    assert "none of it is lost" in found.words()[1]
    doubled = LinearCost(jnp.concatenate([model.features, model.features], axis=-1))
    assert identifiability(mdp, UNIFORM, doubled, everywhere(mdp)).num_determined == 2


def test_over_a_horizon_the_constant_alone_is_lost():
    mdp = random_mdp(jax.random.key(2), 3, 2, 2, horizon=3)
    policy = causal_solution(mdp, jnp.asarray(of_pairs(mdp, 1))).log_policy
    seen = sample_demonstrations(jax.random.key(0), mdp, policy, 50)
    visits = demonstrated_visits(mdp, seen)
    np.testing.assert_allclose(visits.sum(axis=0), empirical_visitation(mdp, seen).state_action, atol=1e-12)
    found = identifiability(mdp, np.asarray(policy), StateActionCost(mdp), visits)
    assert (found.num_determined, found.num_shaping, found.num_unseen) == (5, 1, 0)
    assert np.all(found.level == DETERMINED)
    assert "1 direction of the class is potential shaping (the constant among them)" in found.words()[1]


def test_visits_are_discounted_by_hand():
    """Two demonstrations at discount 1/2, of two steps and of one: their averages, 1 and 1/2 a step."""
    mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [1]]], np.ones((2, 2, 1)), 0, discount=0.5)
    seen = TabularDemonstrations(np.array([[0, 1, 1], [0, 0, 0]]), np.array([[1, 0], [0, 0]]), np.array([2, 1]))
    np.testing.assert_allclose(demonstrated_visits(mdp, seen), [[[0.5, 0.5], [0.25, 0.0]]], atol=1e-12)


def test_what_says_nothing_is_refused(mdp):
    for visits in (np.zeros((1, 5, 3)), np.ones((2, 5, 3)), -everywhere(mdp)):
        with pytest.raises(DataError, match="demonstrated_visits"):
            identifiability(mdp, UNIFORM, StateCost(mdp), visits)
    with pytest.raises(ConfigError, match="tolerance strictly between"):
        identifiability(mdp, UNIFORM, StateCost(mdp), everywhere(mdp), tolerance=0.0)

"""STARC: invariances to 1e-10, completeness, oracles by scipy, and twins with the sign turned."""

from typing import Any

import jax
import numpy as np
import pytest
from scipy.linalg import lstsq
from scipy.optimize import minimize

from tests.judging.instances import GAMMA, discounted, of_branches, of_pairs, potential, redistributed, shaped
from triality.errors import ConfigError, DataError
from triality.judging.starc import (
    MinimalNorm,
    MinimalPotential,
    ValueAdjusted,
    ValueAdjustedPotential,
    l1_norm,
    l2_norm,
    largest_norm,
    starc_distance,
)
from triality.judging.tables import ahead, by_branch, cost_to_go, expected_cost, occupancy, stationary_law, uniform_policy
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import discounted_visits
from triality.tabular.worlds import random_mdp

POLICY = np.random.default_rng(8).dirichlet(np.ones(3), size=5)
WEIGHTS = np.random.default_rng(9).uniform(0.1, 1.0, size=(5, 3))
COMPLETE = {"value": ValueAdjusted(), "value of a policy": ValueAdjusted(POLICY), "norm": MinimalNorm(), "weighted": MinimalNorm(WEIGHTS)}
POTENTIAL = {"value": ValueAdjustedPotential(POLICY), "norm": MinimalPotential(), "weighted": MinimalPotential(WEIGHTS)}
NORMS = (l1_norm, l2_norm, largest_norm)


@pytest.fixture(scope="module")
def mdp():
    return discounted()


@pytest.mark.parametrize("canonicalization", [*COMPLETE.values(), *POTENTIAL.values()], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_shaping_and_a_positive_scale_make_no_difference(mdp, canonicalization, norm):
    cost, other, h = of_branches(mdp, 1), of_branches(mdp, 2), potential(mdp, 3)
    assert starc_distance(mdp, cost, shaped(mdp, cost, h, 7.0), canonicalization, norm) < 1e-10
    assert starc_distance(mdp, cost, shaped(mdp, cost, h, -7.0), canonicalization, norm) == pytest.approx(1.0, abs=1e-10)
    apart = starc_distance(mdp, cost, other, canonicalization, norm)
    assert 0.05 < apart < 1.0
    assert starc_distance(mdp, shaped(mdp, cost, h, 0.1), other, canonicalization, norm) == pytest.approx(apart, abs=1e-10)


@pytest.mark.parametrize("name", COMPLETE)
def test_the_complete_ones_are_blind_to_redistribution_and_the_others_are_not(mdp, name):
    cost = of_pairs(mdp, 1)
    assert starc_distance(mdp, cost, redistributed(mdp, cost, 5), COMPLETE[name]) < 1e-10
    for each in POTENTIAL.values():
        assert starc_distance(mdp, cost, redistributed(mdp, cost, 5), each) > 0.05


@pytest.mark.parametrize("canonicalization", [*COMPLETE.values(), *POTENTIAL.values()], ids=str)
def test_a_canonical_cost_differs_by_shaping_and_redistribution_alone(mdp, canonicalization):
    """So it orders policies as the cost did: its returns differ from the cost's by one constant, whatever the policy."""
    cost, start = of_branches(mdp, 1), np.exp(np.asarray(mdp.log_start))
    policies = np.random.default_rng(4).dirichlet(np.ones(3), size=(6, 5))
    gaps = [start @ (cost_to_go(mdp, cost, each) - cost_to_go(mdp, canonicalization(mdp, cost), each)) for each in policies]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-10)


def solved(columns, values):
    found: Any = lstsq(columns, values)
    return found[0]


def broken_sign(mdp, cost):
    value = cost_to_go(mdp, cost, uniform_policy(mdp))
    return (expected_cost(mdp, cost) + value[:, None] - GAMMA * ahead(mdp, value))[..., None]


def broken_discount(mdp, cost):
    value = cost_to_go(mdp, cost, uniform_policy(mdp))
    return (expected_cost(mdp, cost) - value[:, None] + ahead(mdp, value))[..., None]


@pytest.mark.parametrize("broken", [broken_sign, broken_discount])
def test_a_broken_leveling_is_not_invariant(mdp, broken):
    cost, h = of_pairs(mdp, 1), potential(mdp, 3)

    def spread(mdp, cost):
        return np.broadcast_to(broken(mdp, cost), mdp.successors.shape)

    assert starc_distance(mdp, cost, shaped(mdp, cost, h), ValueAdjusted()) < 1e-10
    assert starc_distance(mdp, cost, shaped(mdp, cost, h), spread) > 0.02


def test_value_adjusted_leveling_is_minus_the_advantage(mdp):
    cost = of_branches(mdp, 1)
    leveled = ValueAdjusted(POLICY)(mdp, cost)[..., 0]
    np.testing.assert_allclose(np.sum(POLICY * leveled, axis=1), 0.0, atol=1e-12)
    value = -cost_to_go(mdp, cost, POLICY)
    advantage = -expected_cost(mdp, cost) + GAMMA * ahead(mdp, value) - value[:, None]
    np.testing.assert_allclose(leveled, -advantage, atol=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["uniform", "weighted"])
def test_no_shaping_makes_the_minimal_one_smaller(mdp, weights):
    """Against a general minimizer over potentials, which knows no linear algebra."""
    cost = of_pairs(mdp, 1)
    share = np.full((5, 3), 1 / 15) if weights is None else weights / weights.sum()

    def size(h):
        return np.sum(share * (cost + h[:, None] - GAMMA * ahead(mdp, h)) ** 2)

    least = minimize(size, np.ones(5), method="BFGS", options={"gtol": 1e-10})
    found = MinimalNorm(weights)(mdp, cost)[..., 0]
    assert np.sum(share * found**2) == pytest.approx(least.fun, abs=1e-12)
    np.testing.assert_allclose(found, cost + least.x[:, None] - GAMMA * ahead(mdp, least.x), atol=1e-6)
    assert np.sum(share * found**2) < 0.9 * np.sum(share * cost**2)


def test_the_minimal_one_of_transitions_is_scipys_least_squares(mdp):
    cost, law = of_branches(mdp, 1), np.exp(np.asarray(mdp.log_probabilities)) / 15
    columns = np.stack([shaped(mdp, np.zeros((5, 3)), h).ravel() for h in np.eye(5)], axis=1)
    root = np.sqrt(law).ravel()
    amounts = solved(root[:, None] * columns, root * cost.ravel())
    np.testing.assert_allclose(MinimalPotential()(mdp, cost).ravel(), cost.ravel() - columns @ amounts, atol=1e-10)


def test_a_cost_that_orders_nothing_is_half_way_from_every_other(mdp):
    cost, nothing = of_pairs(mdp, 1), shaped(mdp, np.zeros((5, 3)), potential(mdp, 3))
    for each in COMPLETE.values():
        assert starc_distance(mdp, cost, nothing, each) == pytest.approx(0.5, abs=1e-12)
        assert starc_distance(mdp, nothing, np.full((5, 3), 2.0), each) == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be_compared_is_refused(mdp):
    cost = of_pairs(mdp, 1)
    with pytest.raises(DataError, match="costs of two MDPs"):
        starc_distance(mdp, cost, np.ones((4, 3)), ValueAdjusted())
    with pytest.raises(ConfigError, match="discounted MDP, got a horizon"):
        starc_distance(random_mdp(jax.random.key(0), 5, 3, 2, horizon=4), cost, cost, ValueAdjusted())
    with pytest.raises(DataError, match="finite costs"):
        starc_distance(mdp, cost, np.full((5, 3), np.nan), ValueAdjusted())
    with pytest.raises(DataError, match="rows of probabilities"):
        starc_distance(mdp, cost, cost, ValueAdjusted(-POLICY))
    with pytest.raises(DataError, match="positive sum"):
        starc_distance(mdp, cost, cost, ValueAdjusted(), weights=np.zeros((5, 3)))


def test_the_occupancy_is_that_of_the_iteration(mdp):
    visits = discounted_visits(mdp, jax.numpy.log(POLICY), tolerance=1e-13).state_action
    np.testing.assert_allclose(occupancy(mdp, POLICY), (1 - GAMMA) * np.asarray(visits), atol=1e-12)


def test_the_stationary_law_does_not_move_and_two_islands_have_none(mdp):
    law = stationary_law(mdp, POLICY)
    flow = np.zeros(5)
    weight = (law[:, None] * POLICY)[..., None] * np.exp(np.asarray(mdp.log_probabilities))
    np.add.at(flow, np.asarray(mdp.successors), weight)
    np.testing.assert_allclose(flow, law, atol=1e-12)
    islands = TabularMDP.from_sparse([[[0]], [[1]]], np.ones((2, 1, 1)), 0, discount=GAMMA)
    with pytest.raises(DataError, match="2 closed classes"):
        stationary_law(islands, np.ones((2, 1)))
    assert by_branch(islands, [[1.0], [2.0]]).shape == (2, 1, 1)

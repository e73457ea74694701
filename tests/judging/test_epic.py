"""EPIC against loops written from its definition, against distances known by hand, and against every broken canonicalization."""

import itertools

import numpy as np
import pytest

from tests.judging.instances import GAMMA, discounted, of_pairs, potential
from triality.errors import ConfigError, DataError
from triality.judging.epic import Coverage, canonical, epic_distance
from triality.judging.pearson import correlation, pearson_distance, ranks
from triality.judging.tables import next_state_matrix, occupancy, uniform_policy

STATE, ACTION = np.array([0.4, 0.25, 0.2, 0.1, 0.05]), np.array([0.6, 0.3, 0.1])


@pytest.fixture(scope="module")
def tables():
    draw = np.random.default_rng(0)
    return draw.normal(size=(5, 3, 5)), draw.normal(size=(5, 3, 5))


def dense_shaped(table, h, gamma=GAMMA):
    return table + h[:, None, None] - gamma * h[None, None, :]


def by_definition(table, gamma):
    """C with every expectation a loop."""
    found = np.zeros_like(table)
    for x, u, y in itertools.product(range(5), range(3), range(5)):
        mean = sum(
            STATE[s] * ACTION[a] * STATE[z] * (gamma * table[y, a, z] - table[x, a, z] - gamma * table[s, a, z])
            for s, a, z in itertools.product(range(5), range(3), range(5))
        )
        found[x, u, y] = table[x, u, y] + mean
    return found


def test_the_canonical_cost_is_that_of_the_definition(tables):
    np.testing.assert_allclose(canonical(tables[0], STATE, ACTION, GAMMA), by_definition(tables[0], GAMMA), atol=1e-12)


def test_the_distance_is_that_of_the_definition(tables):
    coverage = Coverage.product(STATE, ACTION)
    one, two = (by_definition(each, GAMMA).ravel() for each in tables)
    law = coverage.transition.ravel()
    moments = np.cov(one, two, aweights=law, ddof=0)
    rho = moments[0, 1] / np.sqrt(moments[0, 0] * moments[1, 1])
    assert epic_distance(*tables, coverage=coverage, discount=GAMMA) == pytest.approx(np.sqrt((1 - rho) / 2), abs=1e-6)


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_shaping_and_a_positive_scale_make_no_difference(tables, scale):
    mdp = discounted()
    h = potential(mdp, 4)
    along = Coverage.along(occupancy(mdp, uniform_policy(mdp)), next_state_matrix(mdp))
    for coverage in (Coverage.product(STATE, ACTION), along):
        assert epic_distance(tables[0], scale * dense_shaped(tables[0], h) + 3.0, coverage, GAMMA) < 1e-10
        assert epic_distance(tables[0], -scale * dense_shaped(tables[0], h), coverage, GAMMA) == pytest.approx(1.0, abs=1e-10)
        shifted = epic_distance(dense_shaped(tables[0], h), tables[1], coverage, GAMMA)
        assert shifted == pytest.approx(epic_distance(*tables, coverage=coverage, discount=GAMMA), abs=1e-10)


def broken_sign(table):
    mean = np.einsum("xuy,u,y->x", table, ACTION, STATE)
    return table - GAMMA * mean[None, None, :] + mean[:, None, None]


def broken_discount(table):
    return canonical(table, STATE, ACTION, 1.0)


def broken_one_sided(table):
    return table - np.einsum("xuy,u,y->x", table, ACTION, STATE)[:, None, None]


@pytest.mark.parametrize("broken", [broken_sign, broken_discount, broken_one_sided])
def test_a_broken_canonicalization_is_not_invariant(tables, broken):
    h, law = potential(discounted(), 4), Coverage.product(STATE, ACTION).transition.ravel()
    kept = pearson_distance(
        *(canonical(each, STATE, ACTION, GAMMA).ravel() for each in (tables[0], dense_shaped(tables[0], h))), weights=law
    )
    assert kept < 1e-10
    assert pearson_distance(*(broken(each).ravel() for each in (tables[0], dense_shaped(tables[0], h))), weights=law) > 0.05


def test_shaping_with_another_discount_is_no_shaping(tables):
    coverage, h = Coverage.product(STATE, ACTION), potential(discounted(), 4)
    assert epic_distance(tables[0], dense_shaped(tables[0], h, 0.5), coverage, GAMMA) > 0.05


def test_a_known_correlation_gives_a_known_distance():
    """Costs of actions alone are their own canonical form but for a constant: rho(c_1, rho c_1 + sqrt(1 - rho^2) c_2) = rho."""
    one, two = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    coverage = Coverage.product(np.ones(2), np.ones(4))
    for rho in (-0.6, 0.0, 0.3, 0.8):
        mixed = rho * one + np.sqrt(1 - rho**2) * two
        found = epic_distance(np.tile(one, (2, 1)), np.tile(2.0 * mixed + 1.0, (2, 1)), coverage, GAMMA)
        assert found == pytest.approx(np.sqrt((1 - rho) / 2), abs=1e-12)


def test_it_hears_transitions_that_never_happen(tables):
    """The blindness that it does not have, and STARC does: what the dynamics rule out."""
    elsewhere = np.where(next_state_matrix(discounted()) > 0, 0.0, 10.0)
    assert elsewhere.any()
    assert epic_distance(tables[0], tables[0] + elsewhere, Coverage.product(STATE, ACTION), GAMMA) > 0.1


def test_what_has_no_distance_is_refused(tables):
    coverage, h = Coverage.product(STATE, ACTION), potential(discounted(), 4)
    for empty in (np.zeros((5, 3)), np.full((5, 3), 2.0), dense_shaped(np.zeros((5, 3, 5)), h)):
        with pytest.raises(DataError, match="got a constant"):
            epic_distance(tables[0], empty, coverage, GAMMA)
    with pytest.raises(DataError, match="expected a cost of shape"):
        epic_distance(tables[0], np.ones((4, 3)), coverage, GAMMA)
    with pytest.raises(ConfigError, match="discount between 0 and 1"):
        epic_distance(*tables, coverage=coverage, discount=1.5)
    apart = Coverage.product([1.0, 0.0, 0.0, 0.0, 0.0], ACTION)._replace(state=np.eye(5)[1])
    with pytest.raises(DataError, match="none in common"):
        epic_distance(*tables, coverage=apart, discount=GAMMA)
    for weights in ([0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(DataError, match="coverage of nothing"):
            Coverage.product(weights, [1.0])


def test_equality_is_zero_to_rounding_and_not_to_its_root():
    values = np.random.default_rng(1).normal(size=1000)
    weights = np.random.default_rng(2).uniform(size=1000)
    assert pearson_distance(values, 0.3 * values - 8.0, weights) < 1e-14
    by_root = np.sqrt(max(0.0, 1.0 - correlation(values, 0.3 * values - 8.0, weights)) / 2.0)
    assert by_root == pytest.approx(0.0, abs=1e-7)


def test_ranks_are_those_of_scipy():
    from scipy.stats import rankdata

    values = np.random.default_rng(3).integers(0, 6, 40).astype(float)
    np.testing.assert_array_equal(ranks(values), rankdata(values))


def test_costs_of_pairs_are_costs_of_every_next_state():
    cost, coverage = of_pairs(discounted(), 1), Coverage.product(STATE, ACTION)
    other = of_pairs(discounted(), 2)
    dense = np.repeat(cost[..., None], 5, axis=-1)
    assert epic_distance(cost, other, coverage, GAMMA) == pytest.approx(epic_distance(dense, other, coverage, GAMMA), abs=1e-14)

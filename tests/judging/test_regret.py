"""Regret against brute force over all deterministic policies, and the library's own soft solutions."""

import itertools

import jax
import numpy as np
import pytest

from tests.judging.instances import GAMMA, discounted, of_branches, of_pairs, potential, shaped
from triality.errors import ConfigError, DataError
from triality.judging.regret import expected_total, optimal_policy, regret
from triality.judging.tables import expected_cost, uniform_policy
from triality.tabular.finite_horizon import causal_solution
from triality.tabular.soft_value_iteration import soft_value_iteration
from triality.tabular.worlds import random_mdp


@pytest.fixture(scope="module")
def small():
    return discounted(3, 2, 2)


def test_no_deterministic_policy_is_better(small):
    cost = of_branches(small, 1)
    tries = [np.eye(2)[list(choice)] for choice in itertools.product(range(2), repeat=3)]
    least = min(expected_total(small, cost, each) for each in tries)
    assert expected_total(small, cost, optimal_policy(small, cost)) == pytest.approx(least, abs=1e-12)


def test_regret_by_brute_force(small):
    true, learned = of_pairs(small, 1), of_pairs(small, 2)
    tries = [np.eye(2)[list(choice)] for choice in itertools.product(range(2), repeat=3)]
    totals = {cost: [expected_total(small, table, each) for each in tries] for cost, table in (("true", true), ("learned", learned))}
    paid, random = totals["true"][int(np.argmin(totals["learned"]))], expected_total(small, true, uniform_policy(small))
    expected = (paid - min(totals["true"])) / (random - min(totals["true"]))
    assert expected > 0.1
    assert regret(small, true, learned) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_shaping_costs_nothing_and_the_sign_costs_much(small, temperature):
    true = of_pairs(small, 1)
    assert regret(small, true, shaped(small, true, potential(small, 3)), temperature) < 1e-9
    assert regret(small, true, -true, temperature) > 1.0
    assert regret(small, true, shaped(small, true, potential(small, 3), gamma=-GAMMA), temperature) > 1e-3


def test_scale_matters_against_the_entropy_alone(small):
    true = of_pairs(small, 1)
    assert regret(small, true, 5.0 * true) < 1e-9
    assert regret(small, true, 5.0 * true, temperature=1.0) > 1e-3


def test_soft_optima_are_those_of_the_exact_algorithms(small):
    cost = of_pairs(small, 1)
    soft = np.exp(np.asarray(soft_value_iteration(small, jax.numpy.asarray(cost), tolerance=1e-12).log_policy))
    np.testing.assert_allclose(optimal_policy(small, cost, 1.0), soft, atol=1e-10)
    finite = random_mdp(jax.random.key(3), 3, 2, 2, horizon=4)
    solution = causal_solution(finite, jax.numpy.asarray(cost))
    policy = optimal_policy(finite, cost, 1.0)
    np.testing.assert_allclose(policy, np.exp(np.asarray(solution.log_policy)), atol=1e-12)
    value = np.exp(np.asarray(finite.log_start)) @ np.asarray(solution.value[0])
    assert expected_total(finite, cost, policy, 1.0) == pytest.approx(-value, abs=1e-12)


def test_a_horizon_is_planned_backward():
    finite = random_mdp(jax.random.key(5), 3, 2, 2, horizon=2)
    cost, start = of_pairs(finite, 1), np.exp(np.asarray(finite.log_start))
    law = np.exp(np.asarray(finite.log_probabilities))
    least = cost.min(axis=1)
    value = start @ (cost + np.sum(law * least[np.asarray(finite.successors)], axis=-1)).min(axis=1)
    assert expected_total(finite, cost, optimal_policy(finite, cost)) == pytest.approx(value, abs=1e-12)
    assert regret(finite, cost, -cost) > 1.0 > regret(finite, cost, 3.0 * cost) == pytest.approx(0.0, abs=1e-12)


def test_what_has_no_regret_is_refused(small):
    with pytest.raises(DataError, match="nothing to lose"):
        regret(small, np.ones((3, 2)), of_pairs(small, 1))
    with pytest.raises(ConfigError, match="temperature of at least 0"):
        regret(small, of_pairs(small, 1), of_pairs(small, 1), -1.0)
    assert expected_cost(small, np.ones((3, 2))).shape == (3, 2)

"""Intervals cover what they should over many data sets, bootstrap resamples agree, and three wrong covariances do not cover."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.judging.ensemble import as_learned, table_ensemble
from triality.judging.resampled_irl import bootstrap_costs, each_visitation, solve_each
from triality.judging.sandwich import sandwich
from triality.judging.shaping_projection import constant_projection
from triality.tabular import (
    IrlConfig,
    LinearCost,
    Visitation,
    causal_solution,
    empirical_visitation,
    mce_irl,
    policy_visits,
    sample_demonstrations,
)
from triality.tabular.worlds import random_mdp

NUM_SETS, NUM_DEMONSTRATIONS, LEVEL = 240, 120, 0.9
MDP = random_mdp(jax.random.key(5), 4, 2, 3, horizon=4)
MODEL = LinearCost(jnp.asarray(np.random.default_rng(2).normal(size=(4, 2, 2))))
EXPERT = jnp.log(jnp.asarray(np.random.default_rng(6).dirichlet(np.ones(2), size=(4, 4))))  # of no cost in the class
CONFIG = IrlConfig(tolerance=1e-7)


@pytest.fixture(scope="module")
def data_sets():
    keys = jax.random.split(jax.random.key(0), NUM_SETS)
    drawn = jax.jit(jax.vmap(lambda key: sample_demonstrations(key, MDP, EXPERT, NUM_DEMONSTRATIONS)))(keys)
    return [jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), drawn) for i in range(NUM_SETS)]


@pytest.fixture(scope="module")
def limit():
    """What infinitely many demonstrations give."""
    return mce_irl(MDP, Visitation(policy_visits(MDP, EXPERT).total, jnp.exp(MDP.log_start)), MODEL, CONFIG)


@pytest.fixture(scope="module")
def found(data_sets):
    """All learned in one call; the first as the command learns it."""
    visits = [empirical_visitation(MDP, seen) for seen in data_sets]
    parameters, _, gap = solve_each(MDP, jax.tree.map(lambda *leaves: jnp.stack(leaves), *visits), MODEL, CONFIG)
    policies = np.asarray(jax.jit(jax.vmap(lambda theta: causal_solution(MDP, MODEL(theta)).log_policy))(parameters))
    first = mce_irl(MDP, visits[0], MODEL, CONFIG)
    np.testing.assert_allclose(parameters[0], first.parameters, atol=1e-6)
    np.testing.assert_allclose(policies[0], first.log_policy, atol=1e-6)
    assert float(gap.max()) <= CONFIG.tolerance
    learned = [first._replace(parameters=theta, log_policy=policy) for theta, policy in zip(np.asarray(parameters), policies, strict=True)]
    return [sandwich(MDP, seen, MODEL, each) for seen, each in zip(data_sets, learned, strict=True)]


def covered(found, truth, covariance_of):
    """Share of data sets whose interval holds each parameter's limit."""
    errors = np.array([each.parameters - truth for each in found])
    reach = 1.6449 * np.sqrt([np.diag(covariance_of(each)) for each in found])
    return np.mean(np.abs(errors) <= reach, axis=0)


def is_nominal(share):
    return bool(np.all(np.abs(share - LEVEL) < 3.0 * np.sqrt(LEVEL * (1.0 - LEVEL) / NUM_SETS)))


def test_intervals_cover_at_their_level_and_wrong_covariances_do_not(found, limit):
    truth = np.asarray(limit.parameters)
    assert is_nominal(covered(found, truth, lambda each: each.covariance))
    n = NUM_DEMONSTRATIONS
    assert not is_nominal(covered(found, truth, lambda each: each.covariance * n))  # 1/n forgotten
    assert not is_nominal(covered(found, truth, lambda each: each.score_covariance / n))  # S in place of the sandwich
    assert not is_nominal(covered(found, truth, lambda each: np.linalg.inv(each.information) / n))  # as if S = H
    assert not is_nominal(covered(found, -truth, lambda each: each.covariance))


def test_so_do_those_of_the_cost_of_every_pair(found, limit):
    inside = [(each.low <= np.asarray(limit.cost)) & (np.asarray(limit.cost) <= each.high) for each in (one.cost(LEVEL) for one in found)]
    assert is_nominal(np.mean(inside, axis=0))


def test_resamples_spread_as_the_sandwich_says(data_sets, found):
    members = bootstrap_costs(MDP, data_sets[0], MODEL, CONFIG, num_members=NUM_SETS)
    projection = constant_projection(MDP)
    drawn = table_ensemble(MDP, members, projection, scale=as_learned)
    expected = found[0].cost(projection=projection)
    ratio = drawn.deviation.reshape(4, 2) / expected.stderr
    assert np.all(np.abs(ratio - 1.0) < 4.0 / np.sqrt(2 * NUM_SETS) + 0.1)  # the bootstrap's own error, and one of order 1/n
    low, high = drawn.percentile()
    assert np.mean((low <= expected.value.ravel()) & (expected.value.ravel() <= high)) == 1.0


def test_resampled_visits_are_means_of_each(data_sets):
    each, together = each_visitation(MDP, data_sets[1]), empirical_visitation(MDP, data_sets[1])
    np.testing.assert_allclose(np.mean(each.state_action, axis=0), together.state_action, atol=1e-12)
    np.testing.assert_allclose(np.mean(each.start, axis=0), together.start, atol=1e-12)


def test_flat_directions_are_left_out(data_sets):
    """A feature that stands there twice: half of its parameter on each is the solution without a part in the flat direction."""
    visits = empirical_visitation(MDP, data_sets[0])
    twice, learned = LinearCost(jnp.concatenate([MODEL.features, MODEL.features[..., :1]], axis=-1)), mce_irl(MDP, visits, MODEL, CONFIG)
    first, second = np.asarray(learned.parameters)
    once = sandwich(MDP, data_sets[0], MODEL, learned)
    both = sandwich(MDP, data_sets[0], twice, learned._replace(parameters=jnp.array([0.8 * first, second, 0.2 * first])))
    assert (both.num_flat, once.num_flat) == (1, 0)
    np.testing.assert_allclose(both.parameters, [0.5 * first, second, 0.5 * first], atol=1e-9)
    np.testing.assert_allclose(both.cost().stderr, once.cost().stderr, rtol=1e-9)
    np.testing.assert_allclose(both.cost().value, once.cost().value, atol=1e-9)


def test_what_has_no_covariance_is_refused(data_sets, limit):
    with pytest.raises(DataError, match="at least 2 demonstrations"):
        sandwich(MDP, jax.tree.map(lambda leaf: leaf[:1], data_sets[0]), MODEL, limit)
    with pytest.raises(DataError, match="a converged result"):
        sandwich(MDP, data_sets[0], MODEL, limit._replace(converged=False))
    with pytest.raises(ConfigError, match="level strictly between"):
        sandwich(MDP, data_sets[0], MODEL, limit).cost(1.0)
    with pytest.raises(ConfigError, match="at least 2 members"):
        bootstrap_costs(MDP, data_sets[0], MODEL, CONFIG, num_members=1)

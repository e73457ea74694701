"""Feature sums against visits, enumeration and derivatives; with stochastic dynamics their covariance is not the information."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.judging.feature_sums import demonstrated_sums, linear_features, model_sums
from triality.tabular import (
    LinearCost,
    StateCost,
    causal_solution,
    discounted_visits,
    empirical_visitation,
    enumerate_trajectories,
    policy_log_prob,
    policy_visits,
    sample_demonstrations,
    soft_value_iteration,
)
from triality.tabular.worlds import random_mdp

FEATURES = np.random.default_rng(1).normal(size=(3, 2, 2))
THETA = jnp.array([1.0, -0.5])
MODEL = LinearCost(jnp.asarray(FEATURES))


def of_horizon(num_branches):
    return random_mdp(jax.random.key(5), 3, 2, num_branches, horizon=3)


def solved(mdp, theta=THETA):
    """log pi and the expected sums of a cost theta . f."""
    cost = MODEL(theta)
    log_policy = (soft_value_iteration(mdp, cost, tolerance=1e-12) if mdp.horizon is None else causal_solution(mdp, cost)).log_policy
    return model_sums(mdp, np.asarray(log_policy), FEATURES, np.exp(np.asarray(mdp.log_start))), log_policy


@pytest.mark.parametrize("mdp", [of_horizon(2), random_mdp(jax.random.key(5), 3, 2, 2, discount=0.8)], ids=["horizon", "discounted"])
def test_the_information_is_the_hessian(mdp):
    """By central differences of the gradient, which is minus the expected sums."""
    start, step = np.exp(np.asarray(mdp.log_start)), 1e-4
    ends = [[start @ solved(mdp, THETA + sign * step * unit)[0].expected for sign in (1, -1)] for unit in np.eye(2)]
    slopes = [-(above - below) / (2 * step) for above, below in ends]
    np.testing.assert_allclose(solved(mdp)[0].information, slopes, atol=1e-6)
    assert np.abs(solved(mdp, -THETA)[0].information - slopes).max() > 0.01


def test_the_expected_sums_are_those_of_the_visits():
    for mdp in (of_horizon(2), random_mdp(jax.random.key(5), 3, 2, 2, discount=0.8)):
        sums, log_policy = solved(mdp)
        visits = discounted_visits(mdp, log_policy).state_action if mdp.horizon is None else policy_visits(mdp, log_policy).total
        np.testing.assert_allclose(np.exp(np.asarray(mdp.log_start)) @ sums.expected, np.einsum("xu,xuk->k", visits, FEATURES), atol=1e-8)


@pytest.mark.parametrize("num_branches", [1, 2])
def test_it_is_the_covariance_of_the_sums_where_dynamics_are_deterministic_and_smaller_else(num_branches):
    mdp = of_horizon(num_branches)
    sums, log_policy = solved(mdp)
    space = enumerate_trajectories(mdp)
    log_mass = space.log_mass(policy_log_prob(log_policy, space.points))
    states, mass = np.asarray(space.points.states), np.exp(np.asarray(log_mass))
    totals = FEATURES[states[:, :-1], np.asarray(space.points.actions)].sum(axis=1) - sums.expected[states[:, 0]]
    gap = (mass[:, None] * totals).T @ totals - sums.information
    if num_branches == 1:
        np.testing.assert_allclose(gap, 0.0, atol=1e-12)
    else:
        assert np.linalg.eigvalsh(gap).min() > -1e-12
        assert np.linalg.eigvalsh(gap).max() > 0.1


def test_the_mean_over_demonstrations_is_that_of_their_visits():
    mdp = random_mdp(jax.random.key(5), 3, 2, 2, discount=0.8)
    seen = sample_demonstrations(jax.random.key(0), mdp, solved(mdp)[1], 6, 5)
    seen = seen._replace(lengths=jnp.array([5, 3, 1, 5, 4, 2]))
    found = demonstrated_sums(mdp, seen, FEATURES)
    np.testing.assert_allclose(
        found.mean(axis=0), np.einsum("xu,xuk->k", empirical_visitation(mdp, seen).state_action, FEATURES), atol=1e-12
    )
    assert np.ptp(found[:, 0]) > 0.1


class Squared(LinearCost):
    def __call__(self, parameters):
        return self.features @ parameters**2


def test_what_is_not_linear_or_does_not_fit_is_refused():
    mdp = of_horizon(2)
    assert linear_features(StateCost(mdp)).shape == (3, 2, 3)
    with pytest.raises(ConfigError, match="linear in its parameters"):
        linear_features(Squared(MODEL.features))
    with pytest.raises(DataError, match="the MDP's own kind"):
        model_sums(mdp, np.zeros((3, 2)), FEATURES, np.ones(3) / 3)
    with pytest.raises(DataError, match="one a step over a horizon"):
        model_sums(mdp, np.asarray(solved(mdp)[1]), FEATURES, np.ones(3) / 3, np.ones((1, 3)))

"""D9: exact, trajectory-weighted and per-decision-weighted gradients are one number; single-step weights give another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tabular import instances
from triality.tabular import (
    causal_solution,
    causal_visits,
    enumerate_trajectories,
    per_decision_log_weights,
    policy_log_prob,
    single_step_log_weights,
    step_log_probs,
    trajectory_log_weights,
)
from triality.tabular.worlds import random_mdp

# The instance of D9 that ships with the project: 4 states, T = 4.
MDPS = {"deterministic": instances.deterministic(horizon=4), "stochastic": random_mdp(jax.random.key(30), 4, 3, 2, horizon=4)}


def exact_and_estimators(mdp):
    """E_model[sum_t f(x_t, u_t)] exactly, and the mean and variance of each weighting of the same sum under another policy."""
    cost, feature = 2.0 * instances.random_cost(mdp), instances.random_cost(mdp, seed=31)
    log_model, log_policy = causal_solution(mdp, cost).log_policy, instances.random_log_policy(mdp)
    space = enumerate_trajectories(mdp)
    log_q = policy_log_prob(log_policy, space.points)
    values = feature[space.points.states[:, :-1], space.points.actions]
    moments = {}
    for weights in (trajectory_log_weights, per_decision_log_weights, single_step_log_weights):
        one_draw = jnp.sum(jnp.exp(weights(log_model, log_policy, space.points)) * values, axis=-1)
        mean = space.expectation(log_q, one_draw)
        moments[weights.__name__] = (float(mean), float(space.expectation(log_q, (one_draw - mean) ** 2)))
    return float(jnp.sum(causal_visits(mdp, causal_solution(mdp, cost)).total * feature)), moments


@pytest.mark.parametrize("name", MDPS)
def test_trajectory_and_per_decision_weights_are_exact_and_single_step_weights_are_not(name):
    exact, moments = exact_and_estimators(MDPS[name])
    np.testing.assert_allclose(moments["trajectory_log_weights"][0], exact, rtol=0, atol=1e-11)
    np.testing.assert_allclose(moments["per_decision_log_weights"][0], exact, rtol=0, atol=1e-11)
    assert abs(moments["single_step_log_weights"][0] - exact) > 0.1
    assert moments["per_decision_log_weights"][1] < moments["trajectory_log_weights"][1]


def test_weights_are_one_at_the_model_itself():
    mdp = MDPS["stochastic"]
    log_model = causal_solution(mdp, instances.random_cost(mdp)).log_policy
    points = enumerate_trajectories(mdp).points
    np.testing.assert_allclose(per_decision_log_weights(log_model, log_model, points), 0.0, atol=1e-14)


def test_the_sampled_value_in_place_of_its_mean_breaks_the_weights():
    """With V(x') instead of E[V'] the weights no longer average one under stochastic dynamics (D9)."""
    mdp = MDPS["stochastic"]
    cost, log_policy = instances.random_cost(mdp), instances.random_log_policy(mdp)
    solution = causal_solution(mdp, cost)
    space = enumerate_trajectories(mdp)
    states, actions, _ = space.points
    log_q = policy_log_prob(log_policy, space.points)
    time = jnp.arange(mdp.num_steps)
    steps = solution.value[time + 1, states[:, 1:]] - solution.value[time, states[:, :-1]] - cost[states[:, :-1], actions]
    sampled = jnp.exp(jnp.sum(steps - jax.vmap(lambda one: step_log_probs(log_policy, one))(space.points), axis=-1))
    exact = jnp.exp(trajectory_log_weights(solution.log_policy, log_policy, space.points)[:, 0])
    np.testing.assert_allclose(space.expectation(log_q, exact), 1.0, atol=1e-12)
    assert space.expectation(log_q, sampled) > 1.05

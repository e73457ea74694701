import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tabular import instances
from triality.errors import ConfigError, DataError
from triality.tabular import TabularMDP, discounted_visits, expected_soft_value, soft_backup, soft_value_iteration
from triality.tabular.worlds import gridworld, random_mdp

MDP = random_mdp(jax.random.key(40), 30, 4, 3, discount=0.95)
COST = instances.random_cost(MDP)


def dense_policy_matrix(mdp, log_policy):
    matrix = np.zeros((mdp.num_states, mdp.num_states))
    flow = np.exp(np.asarray(log_policy)[..., None] + np.asarray(mdp.log_probabilities))
    rows = np.broadcast_to(np.arange(mdp.num_states)[:, None, None], flow.shape)
    np.add.at(matrix, (rows, np.asarray(mdp.successors)), flow)
    return matrix


def test_fixed_point_and_reported_residual():
    solution = soft_value_iteration(MDP, COST)
    residual = jnp.max(jnp.abs(jax.nn.logsumexp(soft_backup(MDP, COST, solution.value), axis=-1) - solution.value))
    np.testing.assert_allclose(residual, solution.residual, atol=1e-13)
    assert solution.residual <= 1e-8
    np.testing.assert_allclose(solution.log_policy, solution.q_value - solution.value[:, None], atol=2e-8)


def test_equals_plain_iteration_and_takes_fewer_sweeps():
    value, num_sweeps = jnp.zeros(MDP.num_states), 0
    step = jax.jit(lambda value: jax.nn.logsumexp(soft_backup(MDP, COST, value), axis=-1))
    while (change := jnp.max(jnp.abs(step(value) - value))) > 1e-10:
        assert np.isfinite(change)
        value, num_sweeps = step(value), num_sweeps + 1
    solution = soft_value_iteration(MDP, COST, tolerance=1e-10)
    np.testing.assert_allclose(solution.value, value, atol=1e-8)
    assert solution.num_sweeps < num_sweeps / 3


def test_value_is_that_of_its_own_policy_and_no_policy_does_better():
    """V = E[sum gamma^t (-c - log pi)] by a dense linear solve; the entropy has weight one."""
    solution = soft_value_iteration(MDP, COST, tolerance=1e-11)

    def evaluate(log_policy):
        gain = np.sum(np.exp(log_policy) * (-np.asarray(COST) - log_policy), axis=-1)
        return np.linalg.solve(np.eye(MDP.num_states) - 0.95 * dense_policy_matrix(MDP, log_policy), gain)

    log_policy = np.asarray(solution.log_policy)
    np.testing.assert_allclose(evaluate(log_policy), solution.value, atol=1e-9)
    other = np.asarray(jax.nn.log_softmax(log_policy + 0.05 * np.random.default_rng(0).normal(size=log_policy.shape), axis=-1))
    assert np.all(evaluate(other) <= np.asarray(solution.value) + 1e-9)
    assert np.min(np.asarray(solution.value) - evaluate(other)) > 1e-5


def test_visits_equal_a_dense_solve():
    log_policy = soft_value_iteration(MDP, COST).log_policy
    visits = discounted_visits(MDP, log_policy)
    state = np.linalg.solve(np.eye(MDP.num_states) - 0.95 * dense_policy_matrix(MDP, log_policy).T, np.exp(MDP.log_start))
    np.testing.assert_allclose(visits.state_action, state[:, None] * np.exp(log_policy), atol=1e-8)
    np.testing.assert_allclose(visits.state_action.sum(), 1 / 0.05, rtol=1e-8)


def test_gradient_of_the_expected_value():
    """Minus the visits, and what finite differences say."""
    start = jnp.exp(MDP.log_start)
    gradient = jax.grad(lambda cost: expected_soft_value(MDP, cost, start))(COST)
    direction = instances.random_cost(MDP, seed=41)
    ahead, behind = (expected_soft_value(MDP, COST + step * direction, start) for step in (1e-4, -1e-4))
    np.testing.assert_allclose(jnp.sum(gradient * direction), (ahead - behind) / 2e-4, rtol=1e-7)
    visits = discounted_visits(MDP, soft_value_iteration(MDP, COST).log_policy).state_action
    np.testing.assert_allclose(gradient, -visits, atol=1e-7)


def test_a_warm_start_saves_sweeps():
    cold = soft_value_iteration(MDP, COST)
    warm = soft_value_iteration(MDP, COST + 1e-4, cold.value)
    assert warm.num_sweeps < cold.num_sweeps / 2
    assert soft_value_iteration(MDP, COST, max_num_sweeps=3).num_sweeps == 3


def test_float32_stops_at_rounding_and_says_so():
    mdp = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if leaf.dtype == jnp.float64 else leaf, MDP)
    solution = soft_value_iteration(mdp, COST.astype(jnp.float32))
    assert solution.value.dtype == jnp.float32
    assert 1e-8 < solution.residual < 1e-4
    assert solution.num_sweeps < 1000
    np.testing.assert_allclose(solution.value, soft_value_iteration(MDP, COST).value, atol=1e-3)


def test_a_policy_walks_to_the_cheap_corner():
    """Sign: low cost = likely, so the policy leads to the one free cell."""
    mdp = gridworld(5, 7, discount=0.9)
    cost = jnp.ones((35, 4)).at[34].set(0.0) * 3.0
    visits = discounted_visits(mdp, soft_value_iteration(mdp, cost).log_policy).state_action.sum(axis=-1)
    away = discounted_visits(mdp, soft_value_iteration(mdp, -cost).log_policy).state_action.sum(axis=-1)
    uniform = discounted_visits(mdp, jnp.full((35, 4), -jnp.log(4.0))).state_action.sum(axis=-1)
    assert visits[34] > 10 * uniform[34]
    assert away[34] < uniform[34]


def test_wrong_input_is_refused():
    finite = TabularMDP(MDP.successors, MDP.log_probabilities, MDP.log_start, jnp.array(1.0), 5)
    with pytest.raises(ConfigError, match="causal_solution"):
        soft_value_iteration(finite, COST)
    with pytest.raises(ConfigError, match="policy_visits"):
        discounted_visits(finite, COST)
    with pytest.raises(DataError, match="give one cost for each"):
        soft_value_iteration(MDP, COST[:-1])

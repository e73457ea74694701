import builtins

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from triality.errors import ConfigError, DataError
from triality.tabular import StateCost, Visitation
from triality.tabular.systems.hard_optimum import hard_optimum, total_visits
from triality.tabular.systems.linear_program import LinearProgramConfig, linear_program_irl
from triality.tabular.worlds import gridworld, icy_gridworld, random_mdp

GRID = icy_gridworld(5, slip=0.3, start=np.full(25, 1 / 25), discount=0.9)
# One goal off every axis of symmetry and a hole beside the way: no two actions are equally good by accident.
TRUE_COST = StateCost(GRID)(jnp.zeros(25).at[23].set(-1.0).at[11].set(0.7).at[3].set(-0.2))


def demonstrated_by(mdp, cost):
    start = jnp.exp(mdp.log_start)
    return Visitation(total_visits(mdp, hard_optimum(mdp, cost), start), start)


@pytest.fixture(scope="module")
def demonstrated():
    return demonstrated_by(GRID, TRUE_COST)


@pytest.fixture(scope="module")
def learned(demonstrated):
    return linear_program_irl(GRID, demonstrated, LinearProgramConfig(l1=1.05))


def dense(mdp):
    """Transitions by the most naive loops."""
    table = np.zeros((mdp.num_states, mdp.num_actions, mdp.num_states))
    for x in range(mdp.num_states):
        for u in range(mdp.num_actions):
            for k in range(mdp.num_branches):
                table[x, u, mdp.successors[x, u, k]] += np.exp(mdp.log_probabilities[x, u, k])
    return table


def expert_gains(mdp, action, reward):
    """V of the expert by a linear solve, then how much worse each other action is: no inverse, no difference of matrices."""
    table = dense(mdp)
    followed = np.stack([table[x, action[x]] for x in range(mdp.num_states)])
    value = np.linalg.solve(np.eye(mdp.num_states) - float(mdp.discount) * followed, np.asarray(reward))
    return np.stack([(followed[x] @ value) - table[x] @ value for x in range(mdp.num_states)])


def independent_objective(mdp, action, l1, bound=1.0):
    """The same program with other unknowns: V in R's place (R = V - gamma P* V), and |R| as the sum of two positive parts."""
    table, size = dense(mdp), mdp.num_states
    followed = np.stack([table[x, action[x]] for x in range(size)])
    bellman = np.eye(size) - float(mdp.discount) * followed
    equal = np.hstack([bellman, np.zeros((size, size)), -np.eye(size), np.eye(size)])
    rows = []
    for x in range(size):
        for u in range(mdp.num_actions):
            if u != action[x]:
                gain = followed[x] - table[x, u]
                rows.append(np.concatenate([-gain, np.eye(size)[x], np.zeros(2 * size)]))
                rows.append(np.concatenate([-gain, np.zeros(3 * size)]))
    weights = np.concatenate([np.zeros(size), -np.ones(size), np.full(2 * size, l1)])
    bounds = [(None, None)] * (2 * size) + [(0, bound)] * (2 * size)
    found = linprog(weights, np.array(rows), np.zeros(len(rows)), equal, np.zeros(size), bounds, method="highs-ipm")
    assert found.status == 0
    return -found.fun


def test_the_expert_is_optimal_under_the_reward(learned):
    gains = expert_gains(GRID, np.asarray(learned.expert_action), learned.reward)
    assert gains.min() >= -1e-9
    assert learned.objective > 0.1
    others = np.where(np.arange(4) == learned.expert_action[:, None], np.inf, gains).min(axis=1)
    np.testing.assert_allclose(learned.margin, others, atol=1e-9)
    np.testing.assert_allclose(learned.objective, others.sum() - 1.05 * np.abs(learned.reward).sum(), atol=1e-9)
    np.testing.assert_array_equal(learned.cost, -np.broadcast_to(learned.reward[:, None], (25, 4)))
    # The twin of turned sign breaks it.
    assert expert_gains(GRID, np.asarray(learned.expert_action), -learned.reward).min() < -1e-2


@pytest.mark.parametrize("l1", [0.0, 1.05])
def test_the_objective_is_that_of_an_independent_program(demonstrated, l1):
    found = linear_program_irl(GRID, demonstrated, LinearProgramConfig(l1=l1))
    np.testing.assert_allclose(found.objective, independent_objective(GRID, np.asarray(found.expert_action), l1), atol=1e-8)
    # A program for another expert has another value: the comparison can fail.
    assert abs(found.objective - independent_objective(GRID, np.zeros(25, int), l1)) > 1e-3


def test_on_a_random_mdp_the_policy_comes_back_where_the_margin_is_positive():
    mdp = random_mdp(jax.random.key(60), 7, 3, 3, discount=0.8)
    cost = StateCost(mdp)(jax.random.normal(jax.random.key(61), (7,)))
    learned = linear_program_irl(mdp, demonstrated_by(mdp, cost))
    strict = learned.margin > 1e-6
    assert strict.sum() >= 5
    np.testing.assert_array_equal(jnp.argmax(learned.log_policy, axis=-1)[strict], learned.expert_action[strict])


def test_a_large_penalty_leaves_nothing_and_the_bound_is_the_unit(demonstrated):
    assert jnp.all(linear_program_irl(GRID, demonstrated, LinearProgramConfig(l1=1e3)).reward == 0)
    one, three = (linear_program_irl(GRID, demonstrated, LinearProgramConfig(bound=bound)).objective for bound in (1.0, 3.0))
    np.testing.assert_allclose(three, 3 * one, rtol=1e-9)


def test_what_it_cannot_use_is_refused(demonstrated, monkeypatch):
    with pytest.raises(ConfigError, match="discounted MDP"):
        linear_program_irl(gridworld(5, 5, horizon=3), demonstrated)
    with pytest.raises(DataError, match="the first of them 7"):
        linear_program_irl(GRID, demonstrated._replace(state_action=demonstrated.state_action.at[7].set(0.0)))
    with pytest.raises(ConfigError, match="l1 >= 0"):
        LinearProgramConfig(l1=-1.0)
    real = builtins.__import__

    def without_scipy(name, *rest, **named):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(ConfigError, match=r"triality\[lp\]"):
        linear_program_irl(GRID, demonstrated)

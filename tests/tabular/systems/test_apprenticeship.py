import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from triality.errors import ConfigError
from triality.tabular import Visitation, causal_solution, policy_visits, soft_value_iteration
from triality.tabular.systems.apprenticeship import ApprenticeshipConfig, apprenticeship, feature_expectation
from triality.tabular.systems.cost_balls import EuclideanBall, Simplex
from triality.tabular.systems.hard_optimum import hard_optimum, total_visits
from triality.tabular.systems.multiplicative_weights import mwal
from triality.tabular.systems.projection import projection
from triality.tabular.worlds import random_mdp

MDP = random_mdp(jax.random.key(90), 6, 3, 2, discount=0.8)
EPISODES = random_mdp(jax.random.key(91), 5, 3, 2, horizon=5)
FEATURES = jax.random.uniform(jax.random.key(92), (6, 3, 4))
START = jnp.exp(MDP.log_start)
THETA = jnp.array([2.0, -1.0, 3.0, 0.5])


@pytest.fixture(scope="module")
def demonstrated():
    return Visitation(total_visits(MDP, soft_value_iteration(MDP, FEATURES @ THETA).log_policy, START), START)


def counts(visits):
    return jnp.tensordot(visits, FEATURES, axes=2)


def game_value(demonstrated):
    """min over visits of max_i (f_i - f_E,i), as a linear program over occupancies: scipy's."""
    size, actions = 6, 3
    flow = np.zeros((size, size * actions))
    for x in range(size):
        for u in range(actions):
            flow[x, x * actions + u] += 1.0
            for k in range(2):
                flow[MDP.successors[x, u, k], x * actions + u] -= 0.8 * np.exp(MDP.log_probabilities[x, u, k])
    table = np.asarray(FEATURES).reshape(-1, 4).T
    expert = np.asarray(counts(demonstrated.state_action))
    found = linprog(
        np.append(np.zeros(size * actions), 1.0),
        np.column_stack([table, -np.ones(4)]),
        expert,
        np.column_stack([flow, np.zeros(size)]),
        np.asarray(START),
        [(0, None)] * (size * actions) + [(None, None)],
    )
    assert found.status == 0
    return found.fun


def test_the_maximum_over_a_ball_is_its_closed_form():
    gap = jnp.array([0.3, -1.1, 0.7, 0.2])
    weights = np.random.default_rng(5).normal(size=(4000, 4))
    inside = 2.0 * weights / np.linalg.norm(weights, axis=1, keepdims=True)
    best = float(np.max(inside @ np.asarray(gap)))
    assert 0.97 * EuclideanBall(2.0).maximum(gap) < best <= EuclideanBall(2.0).maximum(gap)
    corner = np.random.default_rng(6).dirichlet(0.3 * np.ones(4), 4000)
    assert 0.97 * Simplex().maximum(gap) < np.max(corner @ np.asarray(gap)) <= Simplex().maximum(gap)
    for ball in (EuclideanBall(2.0), Simplex()):
        np.testing.assert_allclose(ball.maximizer(gap) @ gap, ball.maximum(gap), rtol=1e-12)
    # The potential's slope is the worst cost, up to its length: what makes descent of it a policy gradient against the adversary.
    slope = jax.grad(EuclideanBall(2.0).potential)(gap)
    np.testing.assert_allclose(slope / jnp.linalg.norm(slope), EuclideanBall(1.0).maximizer(gap), rtol=1e-12)
    np.testing.assert_allclose(jax.grad(Simplex(1e-3).potential)(gap), Simplex().maximizer(gap), atol=1e-12)
    assert jnp.all(EuclideanBall().maximizer(jnp.zeros(4)) == 0)


@pytest.mark.parametrize("mdp", [MDP, EPISODES], ids=["discounted", "episodes"])
def test_the_gradient_is_that_of_the_policy_gradient_theorem(mdp):
    """d/dlogits E_pi[w.f] = visits(x) pi(u|x) (Q(x, u) - V(x)), with Q by its own recursion."""
    features = FEATURES[: mdp.num_states]
    start, cost = jnp.exp(mdp.log_start), features @ THETA
    shape = (mdp.num_states, 3) if mdp.horizon is None else (5, mdp.num_states, 3)
    logits = jax.random.normal(jax.random.key(93), shape)
    ours = jax.jit(jax.grad(lambda one: feature_expectation(mdp, jax.nn.log_softmax(one, axis=-1), features, start) @ THETA))(logits)
    policy, value, expected = jax.nn.softmax(logits, axis=-1), jnp.zeros(mdp.num_states), []
    steps = policy if mdp.horizon is not None else jnp.broadcast_to(policy, (300, *shape))
    for step in np.asarray(steps)[::-1]:
        q_value = cost + mdp.discount * jnp.sum(jnp.exp(mdp.log_probabilities) * value[mdp.successors], axis=-1)
        value = jnp.sum(step * q_value, axis=-1)
        expected.append(q_value - value[:, None])
    if mdp.horizon is None:
        theorem = total_visits(mdp, jnp.log(policy), start) * expected[-1]
    else:
        theorem = policy_visits(mdp, jnp.log(policy), start).state_action * jnp.stack(expected[::-1])
    np.testing.assert_allclose(ours, theorem, atol=1e-8)
    assert jnp.max(jnp.abs(ours)) > 0.1


def test_policy_gradient_closes_the_feature_gap(demonstrated):
    learned = apprenticeship(MDP, demonstrated, FEATURES)
    assert learned.worst < 1e-3
    np.testing.assert_allclose(learned.worst, jnp.linalg.norm(learned.feature_gap), rtol=1e-12)
    own = counts(total_visits(MDP, learned.log_policy, START)) - counts(demonstrated.state_action)
    np.testing.assert_allclose(own, learned.feature_gap, atol=1e-9)
    uniform = counts(total_visits(MDP, jnp.full((6, 3), -jnp.log(3.0)), START)) - counts(demonstrated.state_action)
    assert jnp.linalg.norm(uniform) > 0.1


@pytest.mark.slow
def test_policy_gradient_over_episodes():
    features = FEATURES[:5]
    expert = causal_solution(EPISODES, features @ THETA).log_policy
    start = jnp.exp(EPISODES.log_start)
    learned = apprenticeship(EPISODES, Visitation(policy_visits(EPISODES, expert).total, start), features)
    assert learned.worst < 1e-3
    assert learned.log_policy.shape == (5, 5, 3)
    projected = projection(EPISODES, Visitation(policy_visits(EPISODES, expert).total, start), features, tolerance=0.01)
    assert projected.converged
    np.testing.assert_allclose(policy_visits(EPISODES, projected.log_policy, start).total, projected.visits, atol=1e-12)


def test_on_the_simplex_both_methods_reach_the_value_of_the_game(demonstrated):
    value = game_value(demonstrated)
    assert value < -0.05  # a soft expert can be beaten in every feature at once
    played = mwal(MDP, demonstrated, FEATURES, num_rounds=400)
    assert value - 1e-9 <= played.worst <= value + played.bound
    assert played.worst < value + 0.05  # the bound is far from tight
    np.testing.assert_allclose(total_visits(MDP, played.log_policy, START), played.visits, atol=1e-8)
    descended = apprenticeship(MDP, demonstrated, FEATURES, Simplex(0.003), ApprenticeshipConfig(max_num_steps=200))
    assert value - 1e-9 <= descended.worst < value + 0.02
    np.testing.assert_allclose(jnp.sum(played.weights), 1.0, rtol=1e-12)


def test_projection_closes_the_gap_and_never_widens_it(demonstrated):
    learned = projection(MDP, demonstrated, FEATURES)
    assert learned.converged
    assert learned.gap[-1] < 1e-3 < learned.gap[0]
    assert jnp.all(jnp.diff(learned.gap) <= 1e-12)
    own = counts(total_visits(MDP, learned.log_policy, START)) - counts(demonstrated.state_action)
    np.testing.assert_allclose(jnp.linalg.norm(own), learned.gap[-1], atol=1e-8)
    assert not projection(MDP, demonstrated, FEATURES, max_num_rounds=1).converged


def test_the_hard_optimum_is_no_worse_than_any_deterministic_policy():
    cost = FEATURES @ THETA
    best = jnp.sum(total_visits(MDP, hard_optimum(MDP, cost), START) * cost)
    policies = jax.nn.one_hot(jax.random.randint(jax.random.key(94), (300, 6), 0, 3), 3)
    others = jax.jit(jax.vmap(lambda one: feature_expectation(MDP, jnp.log(one), cost[..., None], START)[0]))(policies)
    assert best <= jnp.min(others) + 1e-9
    soft = soft_value_iteration(MDP, 1e4 * cost).value / -1e4
    np.testing.assert_allclose(best, START @ soft, atol=1e-3)


def test_wrong_options_are_refused(demonstrated):
    with pytest.raises(ConfigError, match="max_num_steps"):
        ApprenticeshipConfig(max_num_steps=0)
    with pytest.raises(ConfigError, match="two features"):
        mwal(MDP, demonstrated, FEATURES[..., :1])
    with pytest.raises(ConfigError, match="tolerance > 0"):
        projection(MDP, demonstrated, FEATURES, tolerance=0.0)

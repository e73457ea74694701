import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.judging import MinimalNorm, starc_distance
from triality.tabular import Visitation, discounted_visits, soft_backup, soft_value_iteration
from triality.tabular.in_expectation import DescentConfig, exact_visits, f_irl, free_discriminator_cost, gail, iq_learn, soft_policy, sqil
from triality.tabular.in_expectation.f_irl import StateMatching
from triality.tabular.in_expectation.gail import OccupancyMatching
from triality.tabular.in_expectation.iq_learn import SoftQObjective, reward_of
from triality.tabular.worlds import random_mdp

MDP = random_mdp(jax.random.key(70), 6, 3, 2, discount=0.8)
COST = 1.5 * jax.random.normal(jax.random.key(71), (6, 3))
OTHER = jax.random.normal(jax.random.key(72), (6, 3))
START = jnp.exp(MDP.log_start)


def slope(function, at, along, step=1e-5):
    return (function(at + step * along) - function(at - step * along)) / (2.0 * step)


def test_dense_visits_and_policies_are_the_sparse_ones():
    policy = soft_value_iteration(MDP, COST, tolerance=1e-12).log_policy
    np.testing.assert_allclose(soft_policy(MDP, COST), policy, atol=1e-10)
    np.testing.assert_allclose(exact_visits(MDP, policy, START), discounted_visits(MDP, policy).state_action, atol=1e-8)


def test_soft_policys_derivative_is_that_of_the_fixed_point():
    def probability(cost):
        return jnp.exp(soft_policy(MDP, cost))[3, 1]

    found = jnp.sum(jax.grad(probability)(COST) * OTHER)
    np.testing.assert_allclose(found, slope(probability, COST, OTHER), rtol=1e-6)

    def without_the_future(cost):  # the broken twin: V held where it is
        value = jax.lax.stop_gradient(soft_value_iteration(MDP, cost).value)
        return jax.nn.softmax(soft_backup(MDP, cost, value), axis=-1)[3, 1]

    assert abs(jnp.sum(jax.grad(without_the_future)(COST) * OTHER) - found) > 1e-3


def test_gail_reaches_the_experts_visits_and_leaves_no_cost(demonstrated, expert):
    learned = gail(MDP, demonstrated, config=DescentConfig(tolerance=1e-9))
    assert learned.converged
    assert learned.gap < 1e-4
    np.testing.assert_allclose(learned.cost, -jnp.log(2.0), atol=1e-3)
    with_entropy = gail(MDP, demonstrated, entropy_weight=0.3)
    assert with_entropy.gap > 10.0 * learned.gap
    assert _entropy(with_entropy.log_policy) > _entropy(learned.log_policy)


def _entropy(log_policy):
    return -jnp.sum(exact_visits(MDP, log_policy, START) * log_policy)


def test_occupancy_matching_is_the_free_discriminators_game(demonstrated):
    logits = OTHER
    log_policy = jax.nn.log_softmax(logits, axis=-1)
    drawn = 0.2 * exact_visits(MDP, log_policy, START)
    expert = 0.2 * demonstrated.state_action

    def game(log_odds):
        return jnp.sum(expert * jax.nn.log_sigmoid(log_odds)) + jnp.sum(drawn * jax.nn.log_sigmoid(-log_odds)) + jnp.log(4.0)

    best = jnp.log(expert) - jnp.log(drawn)
    matching = OccupancyMatching(MDP, demonstrated, jnp.array(0.0))
    np.testing.assert_allclose(matching(logits), game(best), atol=1e-12)
    assert game(best + 0.1 * OTHER) < game(best)
    assert game(-best) < game(best) - 0.05
    np.testing.assert_allclose(free_discriminator_cost(MDP, demonstrated, log_policy), -jax.nn.softplus(best), atol=1e-12)


def test_sqil_is_at_its_fixed_point_and_matches_nobody(demonstrated, expert):
    learned = sqil(MDP, demonstrated)
    assert learned.converged
    drawn = exact_visits(MDP, learned.log_policy, START)
    np.testing.assert_allclose(-learned.cost, demonstrated.state_action / (demonstrated.state_action + drawn), atol=1e-7)
    np.testing.assert_allclose(learned.log_policy, soft_policy(MDP, learned.cost), atol=1e-9)
    uniform = jnp.max(jnp.abs(exact_visits(MDP, jnp.full((6, 3), -jnp.log(3.0)), START) - demonstrated.state_action))
    assert 0.01 < learned.gap < uniform
    assert starc_distance(MDP, COST, learned.cost, MinimalNorm()) < 0.5 < starc_distance(MDP, COST, -learned.cost, MinimalNorm())


def test_iq_learn_nears_the_true_cost_as_the_regularizer_fades(demonstrated):
    distances = []
    for alpha in (0.3, 3.0, 300.0):
        learned = iq_learn(MDP, demonstrated, alpha=alpha)
        distances.append(starc_distance(MDP, COST, learned.cost, MinimalNorm()))
        np.testing.assert_allclose(learned.log_policy, soft_policy(MDP, learned.cost), atol=1e-8)
    assert distances[0] > 2.0 * distances[1] > 4.0 * distances[2]
    assert distances[2] < 2e-3


def test_iq_learns_reward_inverts_the_soft_bellman_operator(demonstrated):
    solution = soft_value_iteration(MDP, COST, tolerance=1e-12)
    np.testing.assert_allclose(reward_of(MDP, solution.q_value), -COST, atol=1e-9)
    objective = SoftQObjective(MDP, demonstrated, jnp.array(jnp.inf), jnp.array(0.0))
    assert jnp.max(jnp.abs(jax.grad(objective)(solution.q_value))) < 1e-8  # unregularized, the truth is its optimum
    assert jnp.max(jnp.abs(jax.grad(objective)(-solution.q_value))) > 0.1


def test_f_irl_matches_states_whatever_the_actions(demonstrated):
    learned = f_irl(MDP, demonstrated, config=DescentConfig(tolerance=1e-8))
    assert learned.converged
    start = exact_visits(MDP, jnp.full((6, 3), -jnp.log(3.0)), START)
    reached = exact_visits(MDP, learned.log_policy, START)
    expert, found, before = (jnp.sum(each, axis=-1) for each in (demonstrated.state_action, reached, start))
    assert jnp.max(jnp.abs(found - expert)) < 0.2 * jnp.max(jnp.abs(before - expert))
    swapped = Visitation(demonstrated.state_action[:, ::-1], START)
    np.testing.assert_allclose(f_irl(MDP, swapped, config=DescentConfig(tolerance=1e-8)).cost, learned.cost, atol=1e-4)


def test_f_irl_recovers_a_cost_of_states_and_its_gradient_is_the_slope():
    cost = jax.random.normal(jax.random.key(73), (6,))
    policy = soft_policy(MDP, jnp.broadcast_to(cost[:, None], (6, 3)))
    demonstrated = Visitation(exact_visits(MDP, policy, START), START)
    objective = StateMatching(MDP, demonstrated, jnp.array(0.0))
    at, along = 0.4 * OTHER[:, 0], OTHER[:, 1]
    np.testing.assert_allclose(jax.grad(objective)(at) @ along, slope(objective, at, along), rtol=1e-5)
    learned = f_irl(MDP, demonstrated, config=DescentConfig(tolerance=1e-9))
    centered = learned.cost[:, 0] - jnp.mean(learned.cost[:, 0])
    np.testing.assert_allclose(centered, cost - jnp.mean(cost), atol=1e-2)


@pytest.mark.parametrize(
    ("system", "option", "text"),
    [
        (gail, {"entropy_weight": -1.0}, "entropy_weight >= 0"),
        (sqil, {"temperature": 0.0}, "temperature > 0"),
        (iq_learn, {"alpha": 0.0}, "alpha > 0"),
        (f_irl, {"l2": -1.0}, "l2 >= 0"),
    ],
)
def test_options_out_of_range_are_refused(demonstrated, system, option, text):
    with pytest.raises(ConfigError, match=text):
        system(MDP, demonstrated, **option)


def test_descent_refuses_what_never_ends():
    with pytest.raises(ConfigError, match="tolerance > 0"):
        DescentConfig(tolerance=0.0)

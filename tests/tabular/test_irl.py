import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tabular import instances
from triality.errors import ConfigError, DataError
from triality.tabular import (
    IrlConfig,
    LinearCost,
    StateActionCost,
    StateCost,
    Visitation,
    causal_solution,
    causal_visits,
    discounted_visits,
    empirical_visitation,
    maxent_irl,
    mce_irl,
    noncausal_solution,
    noncausal_visits,
    sample_demonstrations,
    soft_value_iteration,
)
from triality.tabular.worlds import icy_gridworld, random_mdp

MDP = instances.stochastic()
COST = instances.random_cost(MDP)
START = jnp.exp(MDP.log_start)
FEATURES = jax.random.normal(jax.random.key(50), (4, 3, 5))
CONFIG = IrlConfig(tolerance=1e-8)


def test_maxent_irl_matches_the_demonstrated_visits_and_recovers_the_law():
    demonstrated = Visitation(noncausal_visits(MDP, COST).total, START)
    learned = maxent_irl(MDP, demonstrated, StateActionCost(MDP), CONFIG)
    assert learned.converged
    assert learned.gap.shape == (learned.num_steps + 1,)
    assert learned.gap[-1] <= 1e-8 < learned.gap[0]
    np.testing.assert_allclose(learned.log_policy, noncausal_solution(MDP, COST).log_policy, atol=1e-5)
    np.testing.assert_allclose(learned.log_z, START @ noncausal_solution(MDP, learned.cost).value[0], atol=1e-12)
    np.testing.assert_allclose(learned.objective, jnp.sum(demonstrated.state_action * learned.cost) + learned.log_z, atol=1e-10)


def test_mce_irl_matches_the_demonstrated_visits_and_recovers_the_policy():
    demonstrated = Visitation(causal_visits(MDP, causal_solution(MDP, COST)).total, START)
    learned = mce_irl(MDP, demonstrated, StateActionCost(MDP), CONFIG)
    assert learned.converged
    np.testing.assert_allclose(learned.log_policy, causal_solution(MDP, COST).log_policy, atol=1e-5)


def test_the_starts_are_the_demonstrations_own():
    """Demonstrations that begin elsewhere than the environment does teach the same law, given the start (X11)."""
    elsewhere = jax.nn.softmax(jnp.array([1.0, -1.0, 0.5, 2.0]))
    demonstrated = Visitation(noncausal_visits(MDP, COST, start=elsewhere).total, elsewhere)
    learned = maxent_irl(MDP, demonstrated, StateActionCost(MDP), CONFIG)
    np.testing.assert_allclose(learned.log_policy, noncausal_solution(MDP, COST).log_policy, atol=1e-5)
    solution = causal_solution(MDP, COST)
    learned = mce_irl(MDP, Visitation(causal_visits(MDP, solution, elsewhere).total, elsewhere), StateActionCost(MDP), CONFIG)
    np.testing.assert_allclose(learned.log_policy, solution.log_policy, atol=1e-5)


def test_causal_demonstrations_have_zero_gradient_at_the_truth_in_the_causal_model_only():
    demonstrated = causal_visits(MDP, causal_solution(MDP, COST)).total

    def causal(cost):
        return jnp.sum(demonstrated * cost) + START @ causal_solution(MDP, cost).value[0]

    def noncausal(cost):
        return jnp.sum(demonstrated * cost) + START @ noncausal_solution(MDP, cost).value[0]

    assert jnp.max(jnp.abs(jax.grad(causal)(COST))) < 1e-12
    assert jnp.max(jnp.abs(jax.grad(noncausal)(COST))) > 1e-2
    # The wrong model, fitted to convergence on causal demonstrations, has another policy.
    learned = maxent_irl(MDP, Visitation(demonstrated, START), StateActionCost(MDP), CONFIG)
    assert learned.converged
    assert jnp.max(jnp.abs(jnp.exp(learned.log_policy) - jnp.exp(causal_solution(MDP, COST).log_policy))) > 0.02


@pytest.mark.parametrize("model", ["noncausal", "causal"])
def test_gradient_of_a_linear_cost_is_the_feature_gap(model):
    theta = jax.random.normal(jax.random.key(51), (5,))
    demonstrated = noncausal_visits(MDP, COST).total
    cost_model = LinearCost(FEATURES)

    def objective(theta):
        solve = noncausal_solution if model == "noncausal" else causal_solution
        return jnp.sum(demonstrated * cost_model(theta)) + START @ solve(MDP, cost_model(theta)).value[0]

    cost = cost_model(theta)
    visits = noncausal_visits(MDP, cost) if model == "noncausal" else causal_visits(MDP, causal_solution(MDP, cost))
    gap = jnp.tensordot(demonstrated - visits.total, FEATURES, axes=2)
    np.testing.assert_allclose(jax.grad(objective)(theta), gap, rtol=0, atol=1e-10)
    assert jnp.max(jnp.abs(gap)) > 0.1


def test_linear_irl_recovers_the_law_from_exact_visits():
    theta = jax.random.normal(jax.random.key(52), (5,))
    demonstrated = Visitation(noncausal_visits(MDP, FEATURES @ theta).total, START)
    learned = maxent_irl(MDP, demonstrated, LinearCost(FEATURES), CONFIG)
    assert learned.converged
    np.testing.assert_allclose(learned.parameters, theta, atol=1e-5)


def test_discounted_mce_irl_from_sampled_demonstrations():
    """States alone have costs on a slippery grid; more demonstrations, closer policy."""
    mdp = icy_gridworld(4, slip=0.2, discount=0.9)
    cost = StateCost(mdp)(jnp.ones(16).at[15].set(-2.0).at[5].set(4.0))
    expert = soft_value_iteration(mdp, cost).log_policy
    exact = Visitation(discounted_visits(mdp, expert).state_action, jnp.exp(mdp.log_start))
    learned = mce_irl(mdp, exact, StateCost(mdp), IrlConfig(tolerance=1e-6))
    assert learned.converged
    np.testing.assert_allclose(learned.log_policy, expert, atol=1e-3)

    def error(num_trajectories):
        demonstrations = sample_demonstrations(jax.random.key(53), mdp, expert, num_trajectories, num_steps=100)
        estimate = mce_irl(mdp, empirical_visitation(mdp, demonstrations), StateCost(mdp), IrlConfig(tolerance=1e-4, l2=1e-3))
        assert estimate.converged
        visits = exact.state_action.sum(axis=-1) / exact.state_action.sum()
        return float(visits @ jnp.sum(jnp.exp(expert) * (expert - estimate.log_policy), axis=-1))

    few, many = error(20), error(5000)
    assert 0 <= many < 0.005 < few


def test_visits_that_no_policy_has_are_refused_or_need_a_prior():
    """A grid that slips half the time cannot be walked as if it did not; the dual is unbounded, and says so."""
    mdp = icy_gridworld(4, slip=0.5, horizon=6)
    no_slip = icy_gridworld(4, slip=0.0, horizon=6)
    always_east = jnp.full((16, 4), -jnp.inf).at[:, 0].set(0.0)
    impossible = empirical_visitation(no_slip, sample_demonstrations(jax.random.key(55), no_slip, always_east, 10))
    with pytest.raises(DataError, match="l2 > 0"):
        mce_irl(mdp, impossible, StateCost(mdp))
    assert mce_irl(mdp, impossible, StateCost(mdp), IrlConfig(l2=0.01)).converged


def test_prior_shrinks_the_cost():
    demonstrated = Visitation(noncausal_visits(MDP, COST).total, START)
    free = maxent_irl(MDP, demonstrated, StateActionCost(MDP), CONFIG)
    held = maxent_irl(MDP, demonstrated, StateActionCost(MDP), IrlConfig(tolerance=1e-8, l2=0.1))
    assert held.converged
    assert jnp.linalg.norm(held.cost) < 0.9 * jnp.linalg.norm(free.cost)
    np.testing.assert_allclose(noncausal_visits(MDP, held.cost).total - demonstrated.state_action, 0.1 * held.parameters, atol=1e-7)


def test_a_run_cut_short_says_so():
    demonstrated = Visitation(noncausal_visits(MDP, COST).total, START)
    learned = maxent_irl(MDP, demonstrated, StateActionCost(MDP), IrlConfig(max_num_steps=1))
    assert not learned.converged
    assert learned.num_steps == 1


def test_wrong_input_is_refused():
    with pytest.raises(ConfigError, match="tolerance > 0"):
        IrlConfig(tolerance=0.0)
    mdp = random_mdp(jax.random.key(54), 4, 3, 2, discount=0.9)
    with pytest.raises(ConfigError, match="expected a finite horizon"):
        maxent_irl(mdp, Visitation(jnp.ones((4, 3)), jnp.ones(4) / 4), StateActionCost(mdp))

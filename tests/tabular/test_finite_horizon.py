"""Dynamic programs against brute force: every trajectory of a small MDP, summed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tabular import instances
from triality.errors import ConfigError, DataError
from triality.tabular import (
    TabularEnergy,
    TabularMDP,
    causal_solution,
    causal_visits,
    enumerate_trajectories,
    log_partition,
    noncausal_solution,
    noncausal_visits,
    policy_log_prob,
    policy_visits,
    tilted_dynamics,
    tilted_start,
    trajectory_cost_of_causal,
)

MDPS = {"stochastic": instances.stochastic(), "deterministic": instances.deterministic()}
SPACES = {name: enumerate_trajectories(mdp) for name, mdp in MDPS.items()}
gradient_of_log_z = jax.jit(jax.grad(lambda cost, mdp: log_partition(mdp, noncausal_solution(mdp, cost))))
gradient_by_enumeration = jax.jit(jax.grad(lambda cost, space: space.log_z(TabularEnergy(cost))))


@pytest.fixture(params=MDPS)
def mdp(request):
    return MDPS[request.param]


@pytest.fixture
def space(mdp):
    return next(SPACES[name] for name in MDPS if MDPS[name] is mdp)


def enumerated_marginals(mdp, space, log_prob):
    """P(x_t) and P(x_t, u_t) by counting."""
    mass = np.exp(np.asarray(space.log_mass(log_prob)))
    states, actions = np.asarray(space.points.states), np.asarray(space.points.actions)
    state = np.stack([np.bincount(states[:, t], mass, mdp.num_states) for t in range(mdp.num_steps + 1)])
    pair = states[:, :-1] * mdp.num_actions + actions
    joint = np.stack([np.bincount(pair[:, t], mass, mdp.num_states * mdp.num_actions) for t in range(mdp.num_steps)])
    return state, joint.reshape(mdp.num_steps, mdp.num_states, mdp.num_actions)


def test_trajectories_have_total_probability_one(mdp, space):
    assert space.points.states.shape[0] == 4 * (3 * mdp.num_branches) ** 6
    log_q = policy_log_prob(instances.random_log_policy(mdp), space.points)
    np.testing.assert_allclose(jax.nn.logsumexp(space.log_mass(log_q)), 0.0, atol=1e-12)


def test_log_z_equals_enumeration(mdp, space):
    cost, terminal = instances.random_cost(mdp), jnp.array([0.3, -1.0, 2.0, 0.5])
    energy = TabularEnergy(cost, terminal)
    solution = noncausal_solution(mdp, cost, terminal)
    np.testing.assert_allclose(log_partition(mdp, solution), space.log_z(energy), rtol=0, atol=1e-12)
    # log Z(x_1): the same sum over the trajectories of one start, without its probability.
    unnormalized = space.log_base - space.energies(energy)
    for start in range(mdp.num_states):
        here = space.points.states[:, 0] == start
        by_start = jax.nn.logsumexp(unnormalized[here]) - mdp.log_start[start]
        np.testing.assert_allclose(solution.value[0, start], by_start, rtol=0, atol=1e-12)


def test_marginals_equal_enumeration(mdp, space):
    cost = instances.random_cost(mdp)
    solution = noncausal_solution(mdp, cost)
    state, joint = enumerated_marginals(mdp, space, space.log_prob(TabularEnergy(cost)))
    visits = noncausal_visits(mdp, cost, start=jnp.exp(tilted_start(mdp, solution)))
    np.testing.assert_allclose(visits.state, state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(visits.state_action, joint, rtol=0, atol=1e-12)


def test_marginals_given_the_start_equal_enumeration(mdp, space):
    """X11: with log Z(x_1) in place of log Z the start law is the MDP's own; with one Z it is not."""
    cost = instances.random_cost(mdp)
    log_z = noncausal_solution(mdp, cost).value[0]
    conditional = -space.energies(TabularEnergy(cost)) - log_z[space.points.states[:, 0]]
    state, joint = enumerated_marginals(mdp, space, conditional)
    visits = noncausal_visits(mdp, cost)
    np.testing.assert_allclose(visits.state_action, joint, rtol=0, atol=1e-12)
    np.testing.assert_allclose(visits.state[0], np.exp(mdp.log_start), rtol=0, atol=1e-12)
    tilted, _ = enumerated_marginals(mdp, space, space.log_prob(TabularEnergy(cost)))
    assert np.max(np.abs(tilted[0] - state[0])) > 1e-2


def test_causal_marginals_equal_enumeration(mdp, space):
    cost = instances.random_cost(mdp)
    solution = causal_solution(mdp, cost)
    np.testing.assert_allclose(jax.nn.logsumexp(solution.log_policy, axis=-1), 0.0, atol=1e-13)
    state, joint = enumerated_marginals(mdp, space, policy_log_prob(solution.log_policy, space.points))
    visits = causal_visits(mdp, solution)
    np.testing.assert_allclose(visits.state, state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(visits.state_action, joint, rtol=0, atol=1e-12)


def test_gradient_of_log_z_is_minus_the_visits(mdp, space):
    cost = instances.random_cost(mdp)
    gradient = gradient_of_log_z(cost, mdp)
    start = jnp.exp(tilted_start(mdp, noncausal_solution(mdp, cost)))
    np.testing.assert_allclose(gradient, -noncausal_visits(mdp, cost, start=start).total, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient, gradient_by_enumeration(cost, space), rtol=0, atol=1e-12)


def test_gradient_of_the_causal_value_is_minus_the_visits(mdp):
    cost = instances.random_cost(mdp)
    gradient = jax.grad(lambda c: jnp.exp(mdp.log_start) @ causal_solution(mdp, c).value[0])(cost)
    np.testing.assert_allclose(gradient, -causal_visits(mdp, causal_solution(mdp, cost)).total, rtol=0, atol=1e-12)


def test_time_dependent_cost_equals_enumeration(mdp, space):
    shape = (mdp.num_steps, *mdp.successors.shape)
    cost = jax.random.normal(jax.random.key(3), shape)
    solution = noncausal_solution(mdp, cost)
    np.testing.assert_allclose(log_partition(mdp, solution), space.log_z(TabularEnergy(cost)), rtol=0, atol=1e-12)
    _, joint = enumerated_marginals(mdp, space, space.log_prob(TabularEnergy(cost)))
    visits = noncausal_visits(mdp, cost, start=jnp.exp(tilted_start(mdp, solution)))
    np.testing.assert_allclose(visits.state_action, joint, rtol=0, atol=1e-12)
    gradient = gradient_of_log_z(cost, mdp)
    np.testing.assert_allclose(-gradient.sum(axis=-1), joint, rtol=0, atol=1e-12)


def test_causal_and_noncausal_agree_only_without_chance():
    for name, mdp in MDPS.items():
        cost = instances.random_cost(mdp)
        difference = jnp.max(jnp.abs(noncausal_solution(mdp, cost).log_policy - causal_solution(mdp, cost).log_policy))
        tilt = jnp.max(jnp.abs(tilted_dynamics(mdp, cost, noncausal_solution(mdp, cost)) - mdp.log_probabilities))
        if name == "deterministic":
            assert max(difference, tilt) < 1e-12
        else:
            assert min(difference, tilt) > 0.05


def test_a_cost_that_makes_the_trajectory_model_causal():
    """X10: c' = c + V(x') - E[V'] gives log Z(x_1) = V_1(x_1), the causal policy, and dynamics that are not tilted."""
    mdp = MDPS["stochastic"]
    cost = instances.random_cost(mdp)
    causal = causal_solution(mdp, cost)
    corrected = trajectory_cost_of_causal(mdp, cost)
    solution = noncausal_solution(mdp, corrected)
    np.testing.assert_allclose(solution.value, causal.value, rtol=0, atol=1e-12)
    np.testing.assert_allclose(solution.log_policy, causal.log_policy, rtol=0, atol=1e-12)
    untouched = jnp.broadcast_to(mdp.log_probabilities, corrected.shape)
    np.testing.assert_allclose(tilted_dynamics(mdp, corrected, solution), untouched, rtol=0, atol=1e-12)
    wrong = causal_solution(mdp, cost).value[1:][:, mdp.successors]  # without the mean: what a sampled V(x') would give
    assert jnp.max(jnp.abs(noncausal_solution(mdp, cost[None, :, :, None] + wrong).value[0] - causal.value[0])) > 0.1


def test_minus_log_policy_as_a_cost_has_z_one():
    """X10: c = -log pi gives p_theta = p with Z = 1, stochastic dynamics or not."""
    mdp = MDPS["stochastic"]
    log_policy = instances.random_log_policy(mdp)
    cost = jnp.broadcast_to(-log_policy[..., None], (*log_policy.shape, mdp.num_branches))
    solution = noncausal_solution(mdp, cost)
    np.testing.assert_allclose(solution.value, 0.0, atol=1e-13)
    np.testing.assert_allclose(solution.log_policy, log_policy, rtol=0, atol=1e-12)


def test_the_dynamics_cancel_in_every_ratio():
    """5.11: log p - log q does not move when P and rho are multiplied by any positive table, which changes log Z alone."""
    mdp, space = MDPS["stochastic"], SPACES["stochastic"]
    cost, log_policy = instances.random_cost(mdp), instances.random_log_policy(mdp)
    table = jax.random.normal(jax.random.key(5), mdp.successors.shape)
    states, actions, branches = space.points
    factor = jnp.sum(table[states[:, :-1], actions, branches], axis=-1)

    def log_ratio(log_base):
        model = log_base - space.energies(TabularEnergy(cost))
        return model - (log_base + policy_log_prob(log_policy, space.points))

    np.testing.assert_allclose(log_ratio(space.log_base + factor), log_ratio(space.log_base), rtol=0, atol=1e-12)
    assert jnp.std(factor) > 1.0


def test_large_costs_neither_overflow_nor_underflow():
    mdp = MDPS["stochastic"]
    cost = instances.random_cost(mdp)
    shifted = noncausal_solution(mdp, cost + 900.0)
    np.testing.assert_allclose(log_partition(mdp, shifted), log_partition(mdp, noncausal_solution(mdp, cost)) - 6 * 900.0, rtol=1e-13)
    np.testing.assert_allclose(noncausal_visits(mdp, 1000.0 * cost).total.sum(), 6.0, rtol=1e-12)


def test_a_policy_given_once_or_for_every_step():
    mdp = MDPS["stochastic"]
    stationary = instances.random_log_policy(mdp)[0]
    repeated = jnp.broadcast_to(stationary, (mdp.num_steps, *stationary.shape))
    np.testing.assert_array_equal(policy_visits(mdp, stationary).total, policy_visits(mdp, repeated).total)


def test_wrong_input_is_refused():
    mdp = MDPS["stochastic"]
    with pytest.raises(DataError, match="expected a cost of shape"):
        noncausal_solution(mdp, jnp.zeros((3, 4)))
    discounted = TabularMDP(mdp.successors, mdp.log_probabilities, mdp.log_start, jnp.array(0.9), None)
    with pytest.raises(ConfigError, match="expected a finite horizon"):
        causal_solution(discounted, jnp.zeros((4, 3)))
    with pytest.raises(ConfigError, match="at most"):
        enumerate_trajectories(instances.stochastic(horizon=12))

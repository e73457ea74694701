"""X10 and X11: what no policy can reach of p_theta(tau), against a policy found by descent alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.tabular import instances
from triality.tabular import (
    TabularEnergy,
    TabularMDP,
    causal_gap,
    causal_solution,
    enumerate_trajectories,
    expected_generator_loss,
    expected_sampler_loss,
    log_partition,
    noncausal_solution,
    policy_log_prob,
)
from triality.tabular.worlds import random_mdp

# The instance of X10 that ships with the project: 3 states, stochastic dynamics, T = 4.
THREE_STATES = random_mdp(jax.random.key(20), 3, 2, 3, horizon=4)
THREE_STATES_COST = instances.random_cost(THREE_STATES, seed=21)


@jax.jit
def descend(mdp, cost):
    """min over policy logits of L_G, by L-BFGS on the exact loss; knows nothing of soft values."""

    def loss(logits):
        return expected_generator_loss(mdp, cost, jax.nn.log_softmax(logits, axis=-1))

    solver = optax.lbfgs()
    value_and_gradient = optax.value_and_grad_from_state(loss)

    def step(carry, _):
        logits, state = carry
        value, gradient = value_and_gradient(logits, state=state)
        updates, state = solver.update(gradient, state, logits, value=value, grad=gradient, value_fn=loss)
        return (optax.apply_updates(logits, updates), state), value

    logits = 0.1 * jax.random.normal(jax.random.key(22), (mdp.num_steps, mdp.num_states, mdp.num_actions))
    (logits, _), _ = jax.lax.scan(step, (logits, solver.init(logits)), length=150)
    return loss(logits), jax.nn.log_softmax(logits, axis=-1)


def test_losses_equal_enumeration():
    space = enumerate_trajectories(THREE_STATES)
    log_policy = instances.random_log_policy(THREE_STATES)
    log_q = policy_log_prob(log_policy, space.points)
    energies = space.energies(TabularEnergy(THREE_STATES_COST))
    np.testing.assert_allclose(
        expected_sampler_loss(THREE_STATES, THREE_STATES_COST, log_policy), space.expectation(log_q, energies + log_q), atol=1e-12
    )
    divergence = space.kl_divergence(log_q, space.log_prob(TabularEnergy(THREE_STATES_COST)))
    np.testing.assert_allclose(expected_generator_loss(THREE_STATES, THREE_STATES_COST, log_policy), divergence, atol=1e-12)


def test_gap_equals_the_best_policy_found_by_descent():
    gap = causal_gap(THREE_STATES, THREE_STATES_COST)
    best, log_policy = descend(THREE_STATES, THREE_STATES_COST)
    assert gap.dynamics > 0.1
    np.testing.assert_allclose(best, gap.total, rtol=0, atol=1e-9)
    np.testing.assert_allclose(jnp.exp(log_policy), jnp.exp(causal_solution(THREE_STATES, THREE_STATES_COST).log_policy), atol=1e-4)


def test_gap_is_log_z_minus_the_expected_soft_value():
    log_z = log_partition(THREE_STATES, noncausal_solution(THREE_STATES, THREE_STATES_COST))
    causal = causal_solution(THREE_STATES, THREE_STATES_COST)
    expected = log_z - jnp.exp(THREE_STATES.log_start) @ causal.value[0]
    np.testing.assert_allclose(causal_gap(THREE_STATES, THREE_STATES_COST).total, expected, rtol=0, atol=1e-14)
    reached = expected_generator_loss(THREE_STATES, THREE_STATES_COST, causal.log_policy)
    np.testing.assert_allclose(reached, expected, rtol=0, atol=1e-12)
    # Negative control: the non-causal model's own policy does worse in dynamics that it cannot tilt.
    noncausal = noncausal_solution(THREE_STATES, THREE_STATES_COST).log_policy
    assert expected_generator_loss(THREE_STATES, THREE_STATES_COST, noncausal) > expected + 1e-4


@pytest.mark.parametrize("start", ["random", "fixed"])
def test_one_z_for_random_starts_leaves_a_gap_that_conditional_z_removes(start):
    """X11, deterministic dynamics: random start > 0, fixed start 0; with log Z(x_1) zero either way."""
    certain = jnp.broadcast_to(jnp.array([0.0, -jnp.inf, -jnp.inf]), THREE_STATES.log_probabilities.shape)
    log_start = THREE_STATES.log_start if start == "random" else jnp.array([-jnp.inf, 0.0, -jnp.inf])
    mdp = TabularMDP(THREE_STATES.successors, certain, log_start, THREE_STATES.discount, THREE_STATES.horizon)
    gap = causal_gap(mdp, THREE_STATES_COST)
    np.testing.assert_allclose(gap.dynamics, 0.0, atol=1e-12)
    if start == "fixed":
        np.testing.assert_allclose(gap.start, 0.0, atol=1e-12)
    else:
        assert gap.start > 0.01
        best, _ = descend(mdp, THREE_STATES_COST)
        np.testing.assert_allclose(best, gap.start, rtol=0, atol=1e-9)

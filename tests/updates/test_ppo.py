"""Soft PPO: the entropy enters once, with the stated weight; ends, cuts and padding are what they are."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.scaling import identity_scaling
from triality.trajectory import Trajectory
from triality.updates.ppo import PPO, Minibatch, advantages, clipped_gains

PROBABILITY = jnp.array([0.125, 0.25, 0.625])
COST = jnp.array([1.0, -0.5, 0.25])


def bandit_batch(policy: OneHotTabularPolicy, actions) -> Trajectory:
    """Episodes of one step in the one state there is, ended by termination."""
    actions = jnp.asarray(actions)[:, None]
    count = actions.shape[0]
    observation = jnp.ones((count, 2, 1))
    log_prob = jax.vmap(lambda u: policy(jnp.ones(1)).log_prob(u[0]))(actions)[:, None]
    real, nothing = jnp.ones((count, 1), bool), jnp.zeros((count, 1))
    return Trajectory(observation, actions, log_prob, real, real, ~real, nothing, jnp.zeros(count, int))


def bandit_cost(observation, action, after):
    del observation, after
    return COST[action]


@pytest.fixture
def policy():
    return OneHotTabularPolicy(jnp.log(PROBABILITY)[None])


def direction(gradient):
    """Up to scale: advantages are normalized."""
    flat = gradient - jnp.mean(gradient)
    return flat / jnp.linalg.norm(flat)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_gradient_is_that_of_equation_2(policy, temperature):
    """A batch that holds every action as often as the policy takes it has no sampling error at all."""
    rule = PPO(temperature=temperature)
    state = rule.init(jax.random.key(0), policy, identity_scaling(1))
    batch = bandit_batch(policy, [0] + [1] * 2 + [2] * 5)
    part, _ = rule.prepare(state.value, batch, -COST[batch.action])
    found = direction(jax.grad(lambda logits: clipped_gains(OneHotTabularPolicy(logits[None]), part, 0.2)[0])(policy.logits[0]))

    def exact(weight):
        def objective(logits):
            log_p = jax.nn.log_softmax(logits)
            return -jnp.sum(jnp.exp(log_p) * (COST + weight * log_p))

        return direction(jax.grad(objective)(policy.logits[0]))

    np.testing.assert_allclose(found, exact(temperature), atol=1e-10)
    for broken in (0.0, 2.0 * temperature):
        assert np.max(np.abs(found - exact(broken))) > 1e-2


def test_it_converges_to_the_soft_optimum(policy):
    rule = PPO(learning_rate=3e-2, num_epochs=4, num_minibatches=2)

    @eqx.filter_jit
    def improve(policy, state, key):
        key_draw, key_update = jax.random.split(key)
        actions = jax.vmap(lambda k: policy(jnp.ones(1)).sample(k))(jax.random.split(key_draw, 512))
        return rule.update(key_update, policy, state, bandit_batch(policy, actions), bandit_cost)[:2]

    state = rule.init(jax.random.key(0), policy, identity_scaling(1))
    for key in jax.random.split(jax.random.key(1), 60):
        policy, state = improve(policy, state, key)
    np.testing.assert_allclose(jax.nn.softmax(policy.logits[0]), jax.nn.softmax(-COST), atol=0.05)


def test_a_time_limit_is_bootstrapped_and_a_termination_is_not():
    reward, value, real = jnp.array([0.0, 0.0]), jnp.array([0.0, 0.0, 10.0]), jnp.array([True, True])
    cut = advantages(reward, value, jnp.array([False, False]), real, 0.5, 1.0)
    ended = advantages(reward, value, jnp.array([False, True]), real, 0.5, 1.0)
    np.testing.assert_allclose(cut, [2.5, 5.0])
    np.testing.assert_allclose(ended, [0.0, 0.0])


def test_lambda_shrinks_what_later_steps_say():
    """By hand: errors 1, 2 and 3.5, each a factor gamma lambda = 1/8 further off."""
    real = jnp.ones(3, bool)
    found = advantages(jnp.array([1.0, 2.0, 4.0]), jnp.array([0.5, 1.0, 2.0, 3.0]), ~real, real, 0.5, 0.25)
    np.testing.assert_allclose(found, [1.0 + 2.4375 / 8.0, 2.4375, 3.5], rtol=1e-12)


def test_the_clip_holds_what_is_gained_and_never_what_is_lost(policy):
    """By hand: ratios 2 and 0.8 at advantages of either sign, clipped to 0.9 and 1.1."""
    actions, advantage = jnp.array([0, 0, 2, 2]), jnp.array([1.0, -1.0, 1.0, -1.0])
    part = Minibatch(jnp.ones((4, 1)), actions, jnp.log(PROBABILITY)[actions], advantage, jnp.zeros(4), jnp.ones(4))
    moved = OneHotTabularPolicy(jnp.log(jnp.array([0.25, 0.25, 0.5]))[None])
    gain, _ = clipped_gains(moved, part, 0.1)
    np.testing.assert_allclose(gain, 1.1 - 2.0 + 0.8 - 0.9, rtol=1e-12)


def test_padding_never_matters(policy):
    """Whatever stands in masked steps, the update is the same."""
    rule = PPO(num_epochs=1, num_minibatches=1)
    state = rule.init(jax.random.key(0), policy, identity_scaling(1))
    batch = bandit_batch(policy, [0, 1, 2, 2])
    padded = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:2]]), batch)
    padded = padded._replace(mask=padded.mask.at[4:].set(False), terminated=padded.terminated.at[4:].set(False))
    spoiled = padded._replace(log_prob=padded.log_prob.at[4:].set(3.0), action=padded.action.at[4:].set(0))
    first, _, _ = rule.update(jax.random.key(1), policy, state, padded, bandit_cost)
    second, _, _ = rule.update(jax.random.key(1), policy, state, spoiled, bandit_cost)
    np.testing.assert_allclose(first.logits, second.logits, rtol=1e-12)
    assert not np.allclose(first.logits, policy.logits)


def test_a_batch_that_minibatches_do_not_divide(policy):
    rule = PPO(num_epochs=2, num_minibatches=3)
    state = rule.init(jax.random.key(0), policy, identity_scaling(1))
    after, _, metrics = rule.update(jax.random.key(1), policy, state, bandit_batch(policy, [0, 1, 2, 2, 1, 2, 0]), bandit_cost)
    assert np.isfinite(after.logits).all()
    assert float(metrics.entropy) == pytest.approx(float(-jnp.mean(jnp.log(PROBABILITY)[jnp.array([0, 1, 2, 2, 1, 2, 0])])))


def test_the_estimate_of_the_divergence_by_hand(policy):
    """Exact on a batch that holds every action as often as the old policy takes it."""
    rule = PPO()
    batch = bandit_batch(policy, [0] + [1] * 2 + [2] * 5)
    part, _ = rule.prepare(rule.init(jax.random.key(0), policy, identity_scaling(1)).value, batch, -COST[batch.action])
    moved = jnp.array([0.25, 0.25, 0.5])
    _, kl = clipped_gains(OneHotTabularPolicy(jnp.log(moved)[None]), part, 0.2)
    np.testing.assert_allclose(kl / 8.0, jnp.sum(PROBABILITY * jnp.log(PROBABILITY / moved)), rtol=1e-12)
    assert float(clipped_gains(policy, part, 0.2)[1]) == pytest.approx(0.0, abs=1e-15)


def test_the_policy_stands_still_once_it_has_moved_far_enough_and_the_value_does_not(policy):
    batch, cost = bandit_batch(policy, [0] + [1] * 2 + [2] * 5), bandit_cost

    def after(max_kl, num_epochs):
        rule = PPO(learning_rate=0.05, max_kl=max_kl, num_epochs=num_epochs, num_minibatches=1, hidden=(4,))
        state = rule.init(jax.random.key(0), policy, identity_scaling(1))
        return eqx.filter_jit(rule.update)(jax.random.key(1), policy, state, batch, cost)

    free, held, first = after(jnp.inf, 12), after(1e-3, 12), after(jnp.inf, 2)
    assert float(free[2].kl) > 0.02
    assert 1e-3 < float(held[2].kl) < 0.02, "it stops after the step that went too far"
    distance = jnp.max(jnp.abs(held[1].value.net.weights[0] - free[1].value.net.weights[0]))
    assert float(distance) == 0.0, "the value is fitted as long as ever"
    assert not jnp.allclose(held[0].logits, policy.logits)
    assert not jnp.allclose(held[1].value.net.weights[0], first[1].value.net.weights[0])

"""What the two wrappers promise: a fixed horizon that leaks nothing, and a clock that is right."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.envs.cases import QUICK
from triality.data.absorbing import pad_with_absorbing
from triality.envs.absorbing import Absorbing
from triality.envs.cartpole import CartPole
from triality.envs.pendulum import Pendulum
from triality.envs.time_observation import TimeObservation
from triality.samplers.categorical import Categorical
from triality.trajectory import rollout


class NoTorque:
    """A policy's distribution that always does nothing."""

    def sample_and_log_prob(self, key):
        return jnp.zeros(1), jnp.zeros(())


@pytest.fixture(scope="module")
def pair():
    """The same episodes twice: bare, and with the absorbing state. Equal keys draw equal starts and actions."""
    keys = jax.random.split(jax.random.key(0), 8)

    def roll(env):
        batch = jax.vmap(lambda key: rollout(key, env, lambda _: Categorical(jnp.zeros(2)), 60))
        return jax.jit(batch, compiler_options=QUICK)(keys)

    return roll(CartPole()), roll(Absorbing(CartPole()))


def test_absorbing_never_terminates_and_masks_nothing(pair):
    bare, absorbing = pair
    assert bool(jnp.any(bare.terminated))
    assert not bool(jnp.any(absorbing.terminated))
    assert bool(jnp.all(absorbing.mask))
    assert bool(jnp.all(absorbing.truncated[:, -1]))


def test_absorbing_is_the_environment_until_it_ends(pair):
    bare, absorbing = pair
    running = np.asarray(bare.mask)
    np.testing.assert_array_equal(absorbing.observation[:, :-1, :-1][running], bare.observation[:, :-1][running])
    np.testing.assert_array_equal(absorbing.reward, bare.reward)
    np.testing.assert_array_equal(absorbing.observation[:, :-1, -1], 1.0 - running)


def test_absorbing_observes_zeros_and_a_one_once_it_is_over(pair):
    bare, absorbing = pair
    over = ~np.asarray(bare.mask)
    assert over.sum() > 50
    np.testing.assert_array_equal(absorbing.observation[:, :-1][over], np.tile([0, 0, 0, 0, 1.0], (over.sum(), 1)))


def test_the_horizon_no_longer_leaks(pair):
    """A constant cost sums to as much on every trajectory under ``Absorbing``; without it, it prefers short ones or long ones."""
    bare, absorbing = pair
    assert len(set(np.asarray(absorbing.mask.sum(axis=1)))) == 1
    assert len(set(np.asarray(bare.mask.sum(axis=1)))) > 1


def test_actions_do_nothing_in_the_absorbing_state():
    env = Absorbing(CartPole())
    state = env.state_from_observation(jnp.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    for action in (0, 1):
        after = env.transition(jax.random.key(action), state, jnp.array(action))
        np.testing.assert_array_equal(env.observe(after.state), [0, 0, 0, 0, 1])
        assert float(after.reward) == 0.0
        assert not bool(after.terminated)


def test_a_gradient_through_the_absorbing_state_is_finite(pair):
    """Frozen where it ended, the inner state cannot run off to infinity behind the mask."""
    env = Absorbing(CartPole())

    def total(shift):
        def step(state, key):
            after = env.transition(key, state, jnp.array(1))
            return after.state, jnp.sum(env.observe(after.state) ** 2)

        state = env.initial_state(jax.random.key(0))
        state = state._replace(inner=state.inner._replace(position=state.inner.position + shift))
        return jnp.sum(jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 400))[1])

    gradient = jax.jit(jax.grad(total))(0.0)
    assert bool(jnp.isfinite(gradient))
    assert float(gradient) != 0.0


def test_padded_demonstrations_equal_absorbing_rollouts(pair):
    """numpy's padding and the compiled wrapper are one convention: same observations, indicator and lengths from the same episodes."""
    bare, absorbing = pair
    mask = np.asarray(bare.mask)
    lengths = mask.sum(axis=1)
    spec = replace(CartPole().spec, time_limit=60)
    padded = pad_with_absorbing(np.asarray(bare.observation[:, :-1])[mask], np.asarray(bare.action)[mask], lengths, spec, seed=0)
    np.testing.assert_array_equal(padded.observations.reshape(8, 60, 5), absorbing.observation[:, :-1])
    np.testing.assert_array_equal(padded.actions.reshape(8, 60)[mask], np.asarray(bare.action)[mask])


def test_the_clock_runs_from_zero_to_one():
    horizon = 200
    env = TimeObservation(Pendulum())
    trajectory = jax.jit(lambda key: rollout(key, env, lambda _: NoTorque(), horizon))(jax.random.key(0))
    np.testing.assert_allclose(trajectory.observation[:, -1], np.arange(horizon + 1) / horizon, atol=1e-12)


def test_the_clock_can_be_set():
    """A roll-out may begin in the middle of an episode: the step is read back from the observation."""
    env = TimeObservation(Pendulum())
    state = env.state_from_observation(jnp.array([1.0, 0.0, 0.5, 137 / 200]))
    assert int(state.step) == 137
    after = env.transition(jax.random.key(0), state, jnp.zeros(1)).state
    np.testing.assert_allclose(env.observe(after)[-1], 138 / 200)

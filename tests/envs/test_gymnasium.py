"""Dynamics, rewards, termination and time limits against Gymnasium itself, 1,000 random steps each."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.envs.cases import BARE, uniform_actions

NUM_STEPS = 1000
# Gymnasium keeps this state in float32, so it is compared after each step from the same state; its rounding is all that may differ.
SINGLE_PRECISION = {"MountainCarContinuous-v0"}
GYMNASIUM_CASES = {name: env for name, env in BARE.items() if env.spec.name in gymnasium.registry}


class Comparison:
    """Runs Gymnasium and ours side by side: alike at every reset, and on their own in between."""

    def __init__(self, env, seed, spread=1.0):
        self.env, self.simulator = env, gymnasium.make(env.spec.name)
        self.simulator.reset(seed=0)
        self.spread, self.key = spread, jax.random.key(seed)
        self.step = jax.jit(lambda state, action: env.transition(jax.random.key(0), state, action))
        self.start = jax.jit(env.initial_state)
        self.observe = jax.jit(env.observe)
        self.errors, self.terminations, self.truncations = [], 0, 0

    def set_state(self, state):
        values = np.array(jax.tree.leaves(state), np.float64)
        self.simulator.unwrapped.state = values.astype(np.float32) if self.env.spec.name in SINGLE_PRECISION else values

    def reset(self):
        self.key, key = jax.random.split(self.key)
        self.simulator.reset()
        state = jax.tree.map(lambda leaf: self.spread * leaf, self.start(key))
        self.set_state(state)
        return state

    def advance(self, state, action):
        """One step of both; the next state, new if the episode is over."""
        if self.env.spec.name in SINGLE_PRECISION:
            state = jax.tree.map(lambda leaf: leaf.astype(jnp.float32).astype(jnp.float64), state)
            self.set_state(state)
        ours = self.step(state, action)
        native = int(action) if self.env.spec.is_discrete else np.asarray(action)
        observation, reward, terminated, truncated, _ = self.simulator.step(native)
        self.record(ours.state, ours, observation, reward)
        assert bool(ours.terminated) == terminated
        self.terminations, self.truncations = self.terminations + terminated, self.truncations + truncated
        return self.reset() if terminated or truncated else ours.state

    def run(self, actions):
        state = self.reset()
        for action in actions:
            state = self.advance(state, action)
        return max(self.errors)

    def record(self, state, ours, observation, reward):
        theirs = np.asarray(self.simulator.unwrapped.state, np.float64)
        self.errors.append(np.max(np.abs(np.array(jax.tree.leaves(state)) - theirs)))
        self.errors.append(abs(float(ours.reward) - reward))
        # Gymnasium hands observations out in float32: equal up to that rounding.
        np.testing.assert_allclose(self.observe(state), observation, rtol=1e-6, atol=1e-6)


def actions_for(env, seed, beyond=1.5):
    return uniform_actions(jax.random.key(seed), env.spec, (NUM_STEPS,), beyond)


@pytest.mark.parametrize("env", GYMNASIUM_CASES.values(), ids=GYMNASIUM_CASES)
def test_a_thousand_random_steps_equal_gymnasium(env):
    assert Comparison(env, seed=1).run(actions_for(env, 2)) < 1e-6


def test_all_five_of_gymnasium_are_compared():
    assert len(GYMNASIUM_CASES) == 5


def test_cartpole_terminations_are_met():
    comparison = Comparison(BARE["cartpole"], seed=3)
    comparison.run(actions_for(comparison.env, 4))
    assert comparison.terminations > 20


@pytest.mark.parametrize("name", ["mountain-car", "mountain-car-continuous"])
def test_mountain_car_wall_and_goal_are_met(name):
    """Pushing the way that it rolls swings the car into the left wall and then over the goal."""
    comparison = Comparison(BARE[name], seed=5)
    state, positions = comparison.reset(), []
    for step in range(NUM_STEPS):
        way = -1 if step % 250 < 60 or float(state.velocity) < 0 else 1
        state = comparison.advance(state, jnp.array(way + 1 if comparison.env.spec.is_discrete else [3.0 * way]))
        positions.append(float(state.position))
    assert max(comparison.errors) < 1e-6
    assert comparison.terminations >= 3
    assert min(positions) == pytest.approx(-1.2), "the left wall was never met"


@pytest.mark.parametrize("name", ["mountain-car", "mountain-car-continuous"])
def test_mountain_car_limits_are_met(name):
    """From states at the limits: the speed limit, the right edge, and the wall that takes the speed away."""
    comparison = Comparison(BARE[name], seed=6)
    corners = [(-1.2, -0.07), (-1.19, -0.06), (-0.6, 0.07), (-0.4, -0.07), (0.59, 0.07), (0.45, 0.05), (0.5, -0.07), (0.5, 0.0)]
    for position, velocity in corners:
        for way in (-1, 0, 1):
            state = type(comparison.reset())(jnp.array(position), jnp.array(velocity))
            comparison.set_state(state)
            comparison.advance(state, jnp.array(way + 1 if comparison.env.spec.is_discrete else [3.0 * way]))
    assert max(comparison.errors) < 1e-6
    assert comparison.terminations > 0


def test_pendulum_speed_limit_is_met():
    """Pushing along the motion spins the pendulum up to the limit of 8 rad/s."""
    comparison = Comparison(BARE["pendulum"], seed=6)
    state, limited = comparison.reset(), 0
    for _ in range(150):
        state = comparison.advance(state, jnp.array([5.0 if float(state.velocity) >= 0 else -5.0]))
        limited += abs(float(state.velocity)) == 8.0
    assert max(comparison.errors) < 1e-6
    assert limited > 3


def test_acrobot_terminations_wrapping_and_speed_limits_are_met():
    """Wild starts: the angles wrap, the speeds reach their limits, and the tip goes over the bar."""
    comparison = Comparison(BARE["acrobot"], seed=7, spread=200.0)
    limited = 0
    for action in np.random.default_rng(0).integers(3, size=400):
        state = comparison.reset()
        limited += abs(float(comparison.step(state, jnp.asarray(action)).state.velocity_1)) == pytest.approx(4 * np.pi)
        comparison.advance(state, jnp.asarray(action))
    assert max(comparison.errors) < 1e-6
    assert comparison.terminations > 20
    assert limited > 20


def test_time_limits_are_met():
    """Pendulum never terminates, so that 1,000 steps are five episodes cut by Gymnasium's own time limit."""
    comparison = Comparison(BARE["pendulum"], seed=8)
    comparison.run(actions_for(comparison.env, 9))
    assert (comparison.terminations, comparison.truncations) == (0, NUM_STEPS // comparison.env.spec.time_limit)


@pytest.mark.parametrize("env", GYMNASIUM_CASES.values(), ids=GYMNASIUM_CASES)
def test_specification_equals_gymnasium(env):
    simulator = gymnasium.make(env.spec.name)
    assert simulator.spec.max_episode_steps == env.spec.time_limit
    assert simulator.observation_space.shape == (env.spec.observation_size,)
    np.testing.assert_allclose(env.spec.observation_low, simulator.observation_space.low, rtol=1e-6)
    np.testing.assert_allclose(env.spec.observation_high, simulator.observation_space.high, rtol=1e-6)
    if env.spec.is_discrete:
        assert simulator.action_space.n == env.spec.num_actions
    else:
        np.testing.assert_allclose(env.spec.action_low, simulator.action_space.low)
        np.testing.assert_allclose(env.spec.action_high, simulator.action_space.high)


@pytest.mark.parametrize("env", GYMNASIUM_CASES.values(), ids=GYMNASIUM_CASES)
def test_start_law_equals_gymnasium(env):
    """Mean and spread of each observation coordinate at the start, within five joint standard errors."""
    num_starts = 1000
    keys = jax.random.split(jax.random.key(8), num_starts)
    ours = np.asarray(jax.jit(jax.vmap(lambda key: env.observe(env.initial_state(key))))(keys))
    simulator = gymnasium.make(env.spec.name).unwrapped
    theirs = np.stack([simulator.reset(seed=seed)[0] for seed in range(num_starts)])
    for power in (1, 2):
        a, b = ours**power, theirs**power
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / num_starts)
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 5 * error + 1e-7)


def test_a_wrong_constant_is_noticed():
    """Broken twin: the comparison is not blind to a time step that is one per cent off."""

    class Slower(type(BARE["cartpole"])):
        def transition(self, key, state, action):
            after = super().transition(key, state, action)
            return after._replace(state=jax.tree.map(lambda new, old: old + 0.99 * (new - old), after.state, state))

    comparison = Comparison(Slower(), seed=9)
    action = jnp.array(1)
    state = comparison.reset()
    ours = comparison.step(state, action)
    comparison.simulator.step(1)
    theirs = np.asarray(comparison.simulator.unwrapped.state)
    assert np.max(np.abs(np.array(jax.tree.leaves(ours.state)) - theirs)) > 1e-4

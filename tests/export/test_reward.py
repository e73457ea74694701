"""A learned cost as a reward: which way the sign goes, which observation it sees, and what an ended episode owes."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.step_cost import mlp_cost
from triality.envs.absorbing import Absorbing
from triality.envs.cartpole import CartPole
from triality.errors import ConfigError
from triality.export.learned_reward import LearnedReward
from triality.export.numpy_cost import NumpyCost
from triality.export.reward_wrapper import LearnedRewardWrapper
from triality.policies.scaling import identity_scaling
from triality.specs import SPECS, absorbing_spec

DTYPE = np.dtype(np.float64)
# Asymmetric in everything: observation before and after, action, sign.
PENDULUM = NumpyCost("Pendulum-v1", 200, 3, 0, (-2.0,), (2.0,), False, lambda x, u: x @ np.array([1.0, 2.0, 3.0]) + 0.3 * u[:, 0], DTYPE)


def absorbing_cost(value=0.25, horizon=500):
    """c = pole angle while running; in the absorbing state ``value`` times the index of the action."""
    return NumpyCost("CartPole-v1", horizon, 5, 2, (), (), True, lambda x, u: x[:, 2] + value * x[:, 4] * u, DTYPE)


def test_the_reward_is_minus_the_cost_of_the_observation_before():
    env, bare = LearnedRewardWrapper(gymnasium.make("Pendulum-v1"), PENDULUM), gymnasium.make("Pendulum-v1")
    (before, _), _ = env.reset(seed=3), bare.reset(seed=3)
    draw = np.random.default_rng(0)
    for _ in range(5):
        action = draw.uniform(-2, 2, size=1).astype(np.float32)
        after, reward, terminated, truncated, info = env.step(action)
        expected = bare.step(action)
        np.testing.assert_array_equal(after, expected[0])
        assert (terminated, truncated) == expected[2:4]
        assert info["true_reward"] == expected[1]
        assert reward == pytest.approx(-PENDULUM(before, action).item(), abs=1e-12)
        assert abs(reward + PENDULUM(after, action).item()) > 1e-3, "the observation after is another"
        before = after


def test_time_limits_are_untouched_and_owe_nothing():
    env = LearnedRewardWrapper(gymnasium.make("CartPole-v1", max_episode_steps=3), absorbing_cost())
    before, _ = env.reset(seed=0)
    for step in range(3):
        after, reward, terminated, truncated, _ = env.step(step % 2)
        assert reward == pytest.approx(-float(before[2]), abs=1e-9)
        before = after
    assert (terminated, truncated) == (False, True)


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_a_termination_pays_the_absorbing_steps(discount):
    env = LearnedRewardWrapper(gymnasium.make("CartPole-v1"), absorbing_cost(), discount)
    before, _ = env.reset(seed=0)
    after, terminated, num_steps = before, False, 0
    while not terminated:
        before = after
        after, reward, terminated, _, _ = env.step(1)
        num_steps += 1
    owed = 0.125 * sum(discount**k for k in range(1, 500 - num_steps + 1))
    assert reward == pytest.approx(-float(before[2]) - owed, abs=1e-9)
    env.reset(seed=1)
    assert env.step(0)[1] > -1.0, "counting begins anew"


def test_undiscounted_returns_are_those_of_the_absorbing_environment():
    """Under the cost that was learned, an ended episode earns in Gymnasium what it earns when it runs to the horizon."""
    spec, horizon = absorbing_spec(SPECS["CartPole-v1"]), 60
    learned = mlp_cost(jax.random.key(3), spec, identity_scaling(5), (8,), output_scale=2.0)
    numpy_cost = _numpy(learned, spec, horizon)
    env = Absorbing(CartPole())
    gym = LearnedRewardWrapper(gymnasium.make("CartPole-v1", max_episode_steps=horizon), numpy_cost)
    observation, _ = gym.reset(seed=2)
    state = env.state_from_observation(jnp.asarray([*observation, 0.0], float))
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, _ = gym.step(1)
        total, over = total + reward, terminated or truncated
    assert terminated
    step = jax.jit(lambda state, action: (env.transition(jax.random.key(0), state, action).state, learned(env.observe(state), action)))
    expected = 0.0
    for _ in range(horizon):
        mean = np.mean([step(state, jnp.array(action))[1] for action in (0, 1)])
        after, cost = step(state, jnp.array(1))
        expected -= mean if state.absorbed else cost
        state = after
    assert total == pytest.approx(float(expected), abs=1e-4)  # Gymnasium observes in float32


def _numpy(learned, spec, horizon):
    evaluate = jax.jit(jax.vmap(learned))
    return NumpyCost(spec.name, horizon, 5, 2, (), (), True, lambda x, u: np.asarray(evaluate(jnp.asarray(x), jnp.asarray(u))), DTYPE)


def test_a_box_of_actions_in_the_absorbing_state():
    """Mean of u^2 over [-1, 2] is 1; standard error of 4,096 draws 0.02."""
    cost = NumpyCost("Any-v0", 10, 2, 0, (-1.0,), (2.0,), True, lambda x, u: x[:, 1] * u[:, 0] ** 2, DTYPE)
    assert LearnedReward(cost).absorbing_cost == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0", "Acrobot-v1"])
def test_another_environment_is_refused(env_id):
    with pytest.raises(ConfigError, match="make Pendulum-v1"):
        LearnedRewardWrapper(gymnasium.make(env_id), PENDULUM)
    with pytest.raises(ConfigError, match="gamma"):
        LearnedReward(PENDULUM, 1.5)

"""Evaluation in Gymnasium: equal to a plain loop by hand, and clear where it cannot be done."""

import builtins

import gymnasium
import numpy as np
import pytest

from triality.envs.gymnasium_eval import evaluate_in_gymnasium
from triality.errors import ConfigError, DataError, SimulatorError


def balance(observation):
    return (observation[:, 2] + 0.5 * observation[:, 3] > 0).astype(int)


def lean(observation):
    """A poor balancer, so that episodes end at different times."""
    return (observation[:, 2] > 0).astype(int)


def torque(observation):
    return np.clip(-4.0 * observation[:, 1:2] - observation[:, 2:3], -3.0, 3.0)


@pytest.mark.parametrize(("env_id", "act"), [("CartPole-v1", lean), ("Pendulum-v1", torque)])
def test_returns_equal_a_plain_loop(env_id, act):
    simulator, expected = gymnasium.make(env_id), []
    for seed in (3, 1, 4, 15):
        observation, _ = simulator.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = simulator.step(act(observation[None])[0])
            total, over = total + reward, terminated or truncated
        expected.append(total)
    returns = evaluate_in_gymnasium(env_id, act, num_episodes=4, seeds=[3, 1, 4, 15])
    np.testing.assert_allclose(returns, expected, rtol=1e-6)
    assert len(set(expected)) > 1


def test_a_hundred_episodes_with_seeds_from_zero_are_the_default():
    returns = evaluate_in_gymnasium("CartPole-v1", balance)
    assert returns.shape == (100,)
    assert returns.mean() > 450
    np.testing.assert_array_equal(returns[:5], evaluate_in_gymnasium("CartPole-v1", balance, num_episodes=5))


def test_absorbing_appends_an_indicator_that_is_zero():
    seen = []

    def act(observation):
        seen.append(observation)
        return lean(observation)

    returns = evaluate_in_gymnasium("CartPole-v1", act, num_episodes=6, absorbing=True)
    assert all(batch.shape == (6, 5) and batch.dtype == np.float32 for batch in seen), "one shape, so that nothing compiles twice"
    assert not np.any([batch[:, -1] for batch in seen])
    np.testing.assert_array_equal(returns, evaluate_in_gymnasium("CartPole-v1", lean, num_episodes=6))


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda observation: np.zeros((len(observation), 1), int), "actions of shape"),
        (lambda observation: observation[:, 0], "integer actions"),
    ],
)
def test_wrong_discrete_actions_are_refused(act, reason):
    with pytest.raises(DataError, match=reason):
        evaluate_in_gymnasium("CartPole-v1", act, num_episodes=2)


def test_actions_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="finite actions, got 2"):
        evaluate_in_gymnasium("Pendulum-v1", lambda observation: np.full((len(observation), 1), np.nan), num_episodes=2)


def test_an_action_that_the_simulator_refuses():
    with pytest.raises(SimulatorError, match="do check the action"):
        evaluate_in_gymnasium("CartPole-v1", lambda observation: np.full(len(observation), 7), num_episodes=2)


@pytest.mark.parametrize("env_id", ["CartPole-v99", "NoSuchThing-v0", "Blackjack-v1"])
def test_an_environment_that_cannot_serve_is_refused(env_id):
    with pytest.raises(ConfigError, match="expected"):
        evaluate_in_gymnasium(env_id, balance, num_episodes=2)


@pytest.mark.parametrize("num_episodes", [0, 4])
def test_seeds_and_episodes_have_to_match(num_episodes):
    with pytest.raises(ConfigError, match="as many seeds as episodes"):
        evaluate_in_gymnasium("CartPole-v1", balance, num_episodes=num_episodes, seeds=[1, 2, 3])


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == "gymnasium":
            raise ImportError("No module named 'gymnasium'")
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"triality\[envs\]"):
        evaluate_in_gymnasium("CartPole-v1", balance, num_episodes=1)

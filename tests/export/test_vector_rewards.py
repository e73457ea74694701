"""Batches of environments, whichever way they reset: every step of the task pays what the single wrapper pays."""

import builtins
import sys
from types import ModuleType

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import triality.export
from tests.export.test_reward import PENDULUM, absorbing_cost
from triality.errors import ConfigError
from triality.export.entropy_callback import entropy_in_reward
from triality.export.reward_function import RewardFunction
from triality.export.reward_vec_env import learned_reward_vec_env
from triality.export.reward_vector_wrapper import LearnedRewardVectorWrapper
from triality.export.reward_wrapper import LearnedRewardWrapper

LIMIT, NUM, STEPS = 12, 3, 40


def act(observation):
    """The first always pushes right, and falls within ten steps; the others balance to the time limit."""
    return (observation[:, 2] * np.array([0.0, 1.0, 0.5]) + observation[:, 3] + np.array([99.0, 0.0, 0.0]) > 0).astype(int)


def make_bare():
    return gymnasium.make("CartPole-v1", max_episode_steps=LIMIT, disable_env_checker=True)


def by_hand(seed):
    """Rewards of environment ``seed`` step by step, episodes one after the other, from the single wrapper."""
    env = LearnedRewardWrapper(make_bare(), absorbing_cost(horizon=20))
    observation, _ = env.reset(seed=seed)
    while True:
        action = int(act(np.tile(observation, (NUM, 1)))[seed])
        observation, reward, terminated, truncated, info = env.step(action)
        yield reward, info["true_reward"], terminated, truncated
        if terminated or truncated:
            observation, _ = env.reset()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_gymnasium_vectors(mode):
    vector = SyncVectorEnv([make_bare] * NUM, autoreset_mode=mode)
    env, expected = LearnedRewardVectorWrapper(vector, absorbing_cost(horizon=20)), [by_hand(seed) for seed in range(NUM)]
    observation, _ = env.reset(seed=list(range(NUM)))
    over, ends = np.full(NUM, False), 0
    for _ in range(STEPS):
        resets_only = over if mode == AutoresetMode.NEXT_STEP else np.full(NUM, False)
        if mode == AutoresetMode.DISABLED and over.any():
            observation, _ = env.reset(options={"reset_mask": over})
        observation, reward, terminated, truncated, info = env.step(act(observation))
        for i in range(NUM):
            if resets_only[i]:
                assert reward[i] == info["true_reward"][i] == 0.0
            else:
                assert (reward[i], info["true_reward"][i], terminated[i], truncated[i]) == pytest.approx(next(expected[i]), abs=1e-9)
        over = terminated | truncated
        ends += terminated.sum()
    assert ends > 2


class VecEnvWrapper:
    """What stable-baselines3's class of that name does as far as the reward needs it: keeps the environment and passes steps on."""

    def __init__(self, venv):
        self.venv = venv

    def step(self, actions):
        self.step_async(actions)
        return self.step_wait()


class VecEnv:
    """Resets itself and says how an episode ended, as stable-baselines3's DummyVecEnv does."""

    def __init__(self):
        self.envs = [make_bare() for _ in range(NUM)]
        self.num_envs = NUM
        self.observation_space, self.action_space = self.envs[0].observation_space, self.envs[0].action_space

    def reset(self):
        return np.stack([env.reset(seed=seed)[0] for seed, env in enumerate(self.envs)])

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        rows = []
        for env, action in zip(self.envs, self.actions, strict=True):
            after, reward, terminated, truncated, info = env.step(int(action))
            done = terminated or truncated
            info = {**info, "TimeLimit.truncated": truncated and not terminated}
            rows.append((env.reset()[0] if done else after, reward, done, info))
        after, reward, done, infos = zip(*rows, strict=True)
        return np.stack(after), np.array(reward, np.float32), np.array(done), infos


@pytest.fixture
def stable_baselines(monkeypatch):
    """A stand-in for the package: the real one is measured against in benchmarks/retrain_in_sb3.py."""
    for name in ("", ".common", ".common.vec_env", ".common.callbacks"):
        monkeypatch.setitem(sys.modules, f"stable_baselines3{name}", ModuleType(f"stable_baselines3{name}"))
    sys.modules["stable_baselines3.common.vec_env"].VecEnvWrapper = VecEnvWrapper
    sys.modules["stable_baselines3.common.callbacks"].BaseCallback = object


def test_stable_baselines_vectors(stable_baselines):
    env, expected = learned_reward_vec_env(VecEnv(), absorbing_cost(horizon=20)), [by_hand(seed) for seed in range(NUM)]
    observation, ends = env.reset(), 0
    for _ in range(STEPS):
        observation, reward, done, infos = env.step(act(observation))
        for i in range(NUM):
            found, own, terminated, truncated = next(expected[i])
            assert (reward[i], infos[i]["true_reward"], done[i]) == pytest.approx((found, own, terminated or truncated), rel=1e-6)
            ends += terminated
    assert ends > 2


def test_without_stable_baselines_the_remedy_is_named(monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("stable_baselines3"):
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match="pip install stable-baselines3"):
        learned_reward_vec_env(VecEnv(), absorbing_cost())
    with pytest.raises(ConfigError, match="pip install stable-baselines3"):
        entropy_in_reward()


class Buffer:
    """A roll-out buffer as far as rewards go; its returns are plain sums from behind."""

    def __init__(self):
        self.rewards, self.log_probs = np.array([[1.0], [2.0]]), np.array([[-0.5], [3.0]])

    def compute_returns_and_advantage(self, last_values, dones):
        self.returns = np.cumsum(self.rewards[::-1], axis=0)[::-1] + last_values * (1 - dones)


def test_entropy_enters_rewards_and_returns(stable_baselines):
    """Unlikely actions are paid more; the value behind the roll-out is counted."""
    callback, buffer = entropy_in_reward(2.0), Buffer()
    callback.locals = {"rollout_buffer": buffer, "values": np.array([10.0]), "dones": np.array([0.0])}
    assert callback._on_step()
    callback._on_rollout_end()
    assert buffer.rewards[:, 0].tolist() == [2.0, -4.0]
    assert buffer.returns[:, 0].tolist() == [8.0, 6.0]
    with pytest.raises(ConfigError, match="at least 0"):
        entropy_in_reward(-1.0)


def test_the_reward_function_of_imitation():
    draw = np.random.default_rng(0)
    state, action, after = draw.normal(size=(5, 3)), draw.uniform(-2, 2, size=(5, 1)), draw.normal(size=(5, 3))
    reward = RewardFunction(PENDULUM)(state, action, after, np.zeros(5, bool))
    np.testing.assert_allclose(reward, -PENDULUM(state, action))
    assert np.abs(reward - PENDULUM(state, action)).min() > 1e-3, "a cost given as a reward is seen"
    with pytest.raises(ConfigError, match="LearnedRewardWrapper"):
        RewardFunction(absorbing_cost())


@pytest.mark.parametrize("name", triality.export.HOMES)
def test_every_name_is_there(name):
    assert getattr(triality.export, name).__name__ == name


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="Reward"):
        _ = triality.export.Reward

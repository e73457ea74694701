"""A learned cost as the reward of a vectorized environment of stable-baselines3, which is imported when it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.errors import ConfigError
from triality.export.learned_reward import LearnedReward
from triality.export.numpy_cost import NumpyCost
from triality.export.spaces import check_spaces


def learned_reward_vec_env(venv: Any, cost: NumpyCost, discount: float = 1.0) -> Any:
    """A ``VecEnvWrapper`` around ``venv``: reward = -c(observations before, actions); each ``info["true_reward"]`` holds the own reward.

    Wrap it before ``VecNormalize``, which changes observations. What a cost with absorbing states still owes after a termination is paid
    with the step that terminates; a time limit (``TimeLimit.truncated``) owes nothing. A single environment can be wrapped by
    ``LearnedRewardWrapper`` instead, as ``wrapper_class`` of ``make_vec_env``.

    Args:
        venv: of stable-baselines3, of the task that the cost was learned in.
        cost: read back by ``NumpyCost.load``.
        discount: gamma of the learner; it matters only where episodes can terminate.

    Raises:
        ConfigError: stable-baselines3 is not installed, or the environment's spaces are not those of the cost.

    Example::

        venv = make_vec_env("Pendulum-v1", n_envs=4)
        learner = PPO("MlpPolicy", learned_reward_vec_env(venv, NumpyCost.load("exported")), gamma=0.9)
    """
    try:
        from stable_baselines3.common.vec_env import VecEnvWrapper  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "expected stable-baselines3 for its vectorized environments, got no such package; install it: pip install stable-baselines3"
        ) from error

    class LearnedRewardVecEnv(VecEnvWrapper):
        """The class is made here, since its parent is there only where stable-baselines3 is."""

        def __init__(self) -> None:
            super().__init__(venv)
            self.steps = RewardOfSteps(LearnedReward(cost, discount), venv.num_envs)

        def reset(self) -> Any:
            """As the environment's own."""
            observation = self.venv.reset()
            self.steps.begin(observation)
            return observation

        def step_async(self, actions: Any) -> None:
            """As the environment's own; remembers the actions."""
            self.steps.act(actions)
            self.venv.step_async(actions)

        def step_wait(self) -> Any:
            """As the environment's own, with the learned rewards."""
            after, true_reward, done, infos = self.venv.step_wait()
            told = [{**info, "true_reward": float(own)} for info, own in zip(infos, true_reward, strict=True)]
            return after, self.steps.end(after, done, infos), done, told

    check_spaces(cost, venv.observation_space, venv.action_space)
    return LearnedRewardVecEnv()


class RewardOfSteps:
    """Rewards of a batch of environments that reset themselves: what has to be remembered from one step to the next."""

    def __init__(self, reward: LearnedReward, num_envs: int):
        self.reward = reward
        self.elapsed = np.zeros(num_envs, int)
        self.observation = self.action = np.zeros(0)

    def begin(self, observation: Any) -> None:
        """New episodes everywhere."""
        self.observation = np.array(observation)
        self.elapsed[:] = 0

    def act(self, action: Any) -> None:
        """The actions of the step that begins."""
        self.action = np.array(action)

    def end(self, after: Any, done: Any, infos: Any) -> np.ndarray:
        """The float32 rewards of the step that ends; ``after`` is the first observation of a new episode where ``done``."""
        cut = np.array([bool(info.get("TimeLimit.truncated", False)) for info in infos])
        reward = self.reward(self.observation, self.action, np.asarray(done) & ~cut, self.elapsed)
        self.observation = np.array(after)
        self.elapsed = np.where(done, 0, self.elapsed + 1)
        return reward.astype(np.float32)

"""Gymnasium's vector environments that pay a learned cost instead of their own reward. Needs the extra ``envs``."""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.errors import ConfigError
from triality.export.learned_reward import LearnedReward
from triality.export.numpy_cost import NumpyCost
from triality.export.spaces import check_spaces

try:
    from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
except ImportError as error:
    raise ConfigError('expected Gymnasium for a reward wrapper, got no such package; install it: pip install "triality[envs]"') from error


class LearnedRewardVectorWrapper(VectorWrapper):
    """reward = -c(observations before the actions, actions), evaluated in one batch; ``info["true_reward"]`` holds the environments' own.

    All three ways of resetting are known: where an environment resets itself with the *next* step, that step is none of the task's, and
    pays 0, as Gymnasium's own reward does there. Otherwise as ``LearnedRewardWrapper``.

    Args:
        env: a vector environment of the task that the cost was learned in.
        cost: read back by ``NumpyCost.load``.
        discount: gamma of the learner; it matters only where episodes can terminate.

    Raises:
        ConfigError: the environment's spaces are not those of the cost.

    Example:
        >>> import gymnasium
        >>> cost = NumpyCost("Pendulum-v1", 200, 3, 0, (-2.0,), (2.0,), False, lambda x, u: x[:, 0] + u[:, 0], np.dtype(float))
        >>> env = LearnedRewardVectorWrapper(gymnasium.make_vec("Pendulum-v1", num_envs=2), cost)
        >>> observation, _ = env.reset(seed=0)
        >>> _, reward, _, _, _ = env.step(np.zeros((2, 1), np.float32))
        >>> np.allclose(reward, -observation[:, 0])
        True
    """

    def __init__(self, env: VectorEnv, cost: NumpyCost, discount: float = 1.0):
        super().__init__(env)
        check_spaces(cost, env.single_observation_space, env.single_action_space)
        self.learned_reward = LearnedReward(cost, discount)
        self._resets_next = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) == AutoresetMode.NEXT_STEP
        self._observation: Any = None
        self._elapsed = np.zeros(env.num_envs, int)
        self._over = np.zeros(env.num_envs, bool)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environments' own, with ``reset_mask`` those of the mask alone."""
        chosen = np.array((options or {}).get("reset_mask", np.full(self.num_envs, True)))
        observation, info = self.env.reset(seed=seed, options=options)
        self._observation = np.array(observation)
        self._elapsed[chosen], self._over[chosen] = 0, False
        return observation, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """As the environments' own, with the learned rewards."""
        after, true_reward, terminated, truncated, info = self.env.step(actions)
        reset_only = self._over if self._resets_next else np.zeros_like(self._over)
        reward = self.learned_reward(self._observation, actions, terminated, self._elapsed)
        reward = np.where(reset_only, 0.0, reward)
        self._observation, self._over = np.array(after), np.logical_or(terminated, truncated)
        self._elapsed = np.where(reset_only | (self._over & (not self._resets_next)), 0, self._elapsed + 1)
        own = {"true_reward": true_reward, "_true_reward": np.full(self.num_envs, True)}
        return after, reward, terminated, truncated, {**info, **own}

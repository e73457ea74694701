"""A Gymnasium environment that pays a learned cost instead of its own reward. Needs the extra ``envs``."""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.errors import ConfigError
from triality.export.learned_reward import LearnedReward
from triality.export.numpy_cost import NumpyCost
from triality.export.spaces import check_spaces

try:
    import gymnasium
except ImportError as error:
    raise ConfigError('expected Gymnasium for a reward wrapper, got no such package; install it: pip install "triality[envs]"') from error


class LearnedRewardWrapper(gymnasium.Wrapper):
    """reward = -c(observation before the action, action); the environment's own reward stands in ``info["true_reward"]``.

    Observations, terminations and time limits stay as they are. The cost sees the action as it reaches this wrapper. What a cost with
    absorbing states still owes after a termination is paid with the step that terminates; see ``LearnedReward``.

    Args:
        env: of the task that the cost was learned in.
        cost: read back by ``NumpyCost.load``.
        discount: gamma of the learner; it matters only where episodes can terminate.

    Raises:
        ConfigError: the environment's spaces are not those of the cost.

    Example:
        >>> cost = NumpyCost("Pendulum-v1", 200, 3, 0, (-2.0,), (2.0,), False, lambda x, u: x[:, 0] + u[:, 0], np.dtype(float))
        >>> env = LearnedRewardWrapper(gymnasium.make("Pendulum-v1"), cost)
        >>> observation, _ = env.reset(seed=0)
        >>> _, reward, _, _, info = env.step(np.array([0.5], np.float32))
        >>> bool(np.isclose(reward, -observation[0] - 0.5)), bool(info["true_reward"] < 0)
        (True, True)
    """

    def __init__(self, env: gymnasium.Env, cost: NumpyCost, discount: float = 1.0):
        super().__init__(env)
        check_spaces(cost, env.observation_space, env.action_space)
        self.learned_reward = LearnedReward(cost, discount)
        self._observation: Any = None
        self._elapsed = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environment's own."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._observation, self._elapsed = np.array(observation), 0
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """As the environment's own, with the learned reward."""
        after, true_reward, terminated, truncated, info = self.env.step(action)
        step = np.asarray(self._observation)[None], np.asarray(action)[None]
        reward = float(self.learned_reward(*step, [terminated], [self._elapsed])[0])
        # A copy: a simulator may write the next observation into the same array.
        self._observation = np.array(after)
        self._elapsed += 1
        return after, reward, terminated, truncated, {**info, "true_reward": true_reward}

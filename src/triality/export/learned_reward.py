"""A learned cost as the reward of another library's learner: r(x, u) = -c(x, u), and what an ended episode still owes. Plain numpy.

    running:      r_t = -c(x_t, u_t)
    terminated:   r_t = -c(x_t, u_t) - sum_{k=1}^{T-1-t} gamma^k cbar,   cbar = mean over the actions of c(absorbing, u)

A cost learned with absorbing states goes on after a termination, to the horizon T. A simulator that stops there has to pay those steps
at once, or surviving (or dying) would be a reward in disguise; this is what Kostrikov et al. 2019 (arXiv:1809.02925) call the unbiased
handling of terminal states. A cost without absorbing states owes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from triality.errors import ConfigError
from triality.export.numpy_cost import NumpyCost

NUM_ABSORBING_ACTIONS = 4096
"""Uniform draws from the box that cbar is the mean over, seed 0; discrete actions are all taken."""


@dataclass(frozen=True, eq=False)
class LearnedReward:
    """r = -c for batches of steps of the bare environment, whose observations carry no absorbing indicator.

    Args:
        cost: the learned cost.
        discount: gamma of the learner that will be given the reward; it enters what is owed after a termination, and nothing else.

    Raises:
        ConfigError: a discount outside [0, 1].

    Example:
        >>> indicator = lambda x, u: x[:, 1]
        >>> cost = NumpyCost("Any-v0", 10, 2, 3, (), (), True, indicator, np.dtype(float))
        >>> LearnedReward(cost)([[0.5], [0.5]], [0, 1], ended=[False, True], elapsed=[7, 7]).tolist()
        [-0.0, -2.0]
    """

    cost: NumpyCost
    discount: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.discount <= 1.0:
            raise ConfigError(f"expected a discount between 0 and 1, got {self.discount}; give the learner's gamma")

    def __call__(self, observation: Any, action: Any, ended: Any, elapsed: Any) -> np.ndarray:
        """One reward a step.

        Args:
            observation: (batch, obs) before the action.
            action: (batch, act) or (batch,) integers, as the simulator takes them.
            ended: (batch,) whether the step terminated the episode; a time limit is no termination.
            elapsed: (batch,) steps of the episode before this one.

        Raises:
            DataError: shapes that do not fit the cost.
        """
        seen = np.asarray(observation)
        if self.cost.is_absorbing:
            seen = np.pad(seen, ((0, 0), (0, 1)))
        reward = -self.cost(seen, action)
        if self.cost.is_absorbing:
            left = np.maximum(self.cost.horizon - 1 - np.asarray(elapsed), 0)
            reward = reward - np.where(ended, self._weight(left) * self.absorbing_cost, 0.0)
        return reward

    @cached_property
    def absorbing_cost(self) -> float:
        """cbar: mean cost of a step in the absorbing state, over uniform actions, as the demonstrations' padding has them."""
        cost = self.cost
        if cost.num_actions:
            actions = np.arange(cost.num_actions)
        else:
            draws = np.random.default_rng(0).random((NUM_ABSORBING_ACTIONS, len(cost.action_low)))
            actions = np.asarray(cost.action_low) + draws * (np.asarray(cost.action_high) - np.asarray(cost.action_low))
        absorbing = np.zeros((len(actions), cost.observation_size))
        absorbing[:, -1] = 1.0
        return float(cost(absorbing, actions).mean())

    def _weight(self, steps: np.ndarray) -> np.ndarray:
        """sum_{k=1}^{steps} gamma^k."""
        if self.discount == 1.0:
            return steps.astype(float)
        return self.discount * (1.0 - self.discount**steps) / (1.0 - self.discount)

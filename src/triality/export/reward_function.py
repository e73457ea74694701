"""A learned cost as the reward function that ``imitation`` takes: called with states, actions, next states and ends. Plain numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from triality.errors import ConfigError
from triality.export.numpy_cost import NumpyCost


@dataclass(frozen=True, eq=False)
class RewardFunction:
    """r(state, action, next_state, done) = -c(state, action), one a row: what ``imitation``'s ``RewardVecEnvWrapper`` calls.

    ``done`` does not say whether an episode terminated or was cut, so that what a cost with absorbing states owes after a termination
    cannot be known here: such a cost is refused.

    Raises:
        ConfigError: the cost has absorbing states.

    Example:
        >>> cost = NumpyCost("Any-v0", 10, 1, 0, (-1.0,), (1.0,), False, lambda x, u: x[:, 0] + u[:, 0], np.dtype(float))
        >>> RewardFunction(cost)([[1.0]], [[0.5]], [[2.0]], [False]).tolist()
        [-1.5]
    """

    cost: NumpyCost

    def __post_init__(self) -> None:
        if self.cost.is_absorbing:
            raise ConfigError(
                f"expected a cost without absorbing states, got one of {self.cost.environment}; use LearnedRewardWrapper or "
                "learned_reward_vec_env, which know a termination from a time limit"
            )

    def __call__(self, state: Any, action: Any, next_state: Any, done: Any) -> np.ndarray:
        """(batch, obs), (batch, act) or (batch,), (batch, obs) and (batch,) to (batch,)."""
        del next_state, done
        return -self.cost(state, action)

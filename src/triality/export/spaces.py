"""Whether an environment of another library is one that a learned cost can pay in. Imports numpy alone."""

from __future__ import annotations

from typing import Any

from triality.errors import ConfigError
from triality.export.numpy_cost import NumpyCost


def check_spaces(cost: NumpyCost, observation_space: Any, action_space: Any) -> None:
    """Raise unless observations and actions are of the size that the cost takes.

    Args:
        cost: the learned cost.
        observation_space: of one environment, as Gymnasium describes it; without the absorbing indicator.
        action_space: of one environment.

    Raises:
        ConfigError: another size or another kind.

    Example:
        >>> from types import SimpleNamespace
        >>> import numpy as np
        >>> cost = NumpyCost("Any-v0", 10, 2, 3, (), (), True, lambda x, u: x[:, 1], np.dtype(float))
        >>> check_spaces(cost, SimpleNamespace(shape=(1,)), SimpleNamespace(shape=(), n=3))
    """
    size = cost.observation_size - cost.is_absorbing
    if observation_space.shape != (size,):
        raise ConfigError(
            f"expected an environment that observes {size} numbers, got {observation_space}; make {cost.environment}, "
            "which the cost was learned in, without wrappers that change observations"
        )
    found = getattr(action_space, "n", 0), action_space.shape
    expected = (cost.num_actions, ()) if cost.num_actions else (0, (len(cost.action_low),))
    if found != expected:
        words = f"{cost.num_actions} discrete actions" if cost.num_actions else f"actions of {len(cost.action_low)} numbers"
        raise ConfigError(
            f"expected an environment with {words}, got {action_space}; make {cost.environment}, which the cost was learned in"
        )

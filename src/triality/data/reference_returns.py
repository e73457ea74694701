"""What random actions earn in each environment: the zero of the normalized return. Imports nothing heavy.

normalized return = (return - random) / (demonstrations - random): 0 = random actions, 1 = as good as the demonstrations. Measured by
``benchmarks/reference_returns.py`` over 100 episodes, actions uniform on the action set, in Gymnasium itself with reset seeds 0-99
where it has the environment, and in the compiled environment otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

from triality.errors import ConfigError


class ReferenceReturn(NamedTuple):
    """Mean undiscounted return over 100 episodes and its standard error."""

    mean: float
    stderr: float


RANDOM_RETURNS: dict[str, ReferenceReturn] = {
    "Pendulum-v1": ReferenceReturn(-1199.9099, 27.7615),
    "CartPole-v1": ReferenceReturn(22.49, 1.3984),
    "MountainCar-v0": ReferenceReturn(-200.0, 0.0),
    "MountainCarContinuous-v0": ReferenceReturn(-32.1922, 1.0684),
    "Acrobot-v1": ReferenceReturn(-497.13, 1.7915),
    "PointMass-v0": ReferenceReturn(-214.7257, 16.561),
    "TwoRooms-v0": ReferenceReturn(-222.3636, 3.054),
    "Gridworld-v0": ReferenceReturn(-49.67, 0.1356),
    "HalfCheetah-v5": ReferenceReturn(-289.6181, 7.8728),
    "Hopper-v5": ReferenceReturn(15.3534, 1.3841),
    "Walker2d-v5": ReferenceReturn(0.9101, 0.6136),
    "Ant-v5": ReferenceReturn(-53.6338, 9.3572),
    "Swimmer-v5": ReferenceReturn(1.8149, 1.0074),
    "Reacher-v5": ReferenceReturn(-43.4218, 0.3854),
    "InvertedPendulum-v5": ReferenceReturn(4.42, 0.2804),
    "InvertedDoublePendulum-v5": ReferenceReturn(44.4842, 1.753),
    "Pusher-v5": ReferenceReturn(-148.5375, 0.7822),
    "Humanoid-v5": ReferenceReturn(112.4476, 3.3027),
}
"""Return of uniformly random actions, by the environment's public id."""


def normalized_return(value: float, random: float, demonstrations: float) -> float:
    """(value - random) / (demonstrations - random).

    Raises:
        ConfigError: the demonstrations are no better than random actions, so that there is nothing to normalize by.

    Example:
        >>> normalized_return(-200.0, random=-1200.0, demonstrations=-150.0).__round__(3)
        0.952
    """
    if not demonstrations > random:
        raise ConfigError(
            f"expected demonstrations that earn more than random actions ({random:.6g}), got {demonstrations:.6g}; "
            "do check that they belong to this environment, or report plain returns"
        )
    return (value - random) / (demonstrations - random)

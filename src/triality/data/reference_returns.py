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
    "PointMaze-v0": ReferenceReturn(-45.7593, 0.5377),
    "PointMazeShifted-v0": ReferenceReturn(-45.5958, 0.5658),
    "PointMazeAnywhere-v0": ReferenceReturn(-33.4981, 1.3366),
    "Gridworld-v0": ReferenceReturn(-49.67, 0.1356),
    "HalfCheetah-v5": ReferenceReturn(-289.6181, 7.8728),
    "Hopper-v5": ReferenceReturn(15.3534, 1.3841),
    "Walker2d-v5": ReferenceReturn(0.9101, 0.6136),
    "Ant-v5": ReferenceReturn(-53.6338, 9.3572),
    "DisabledAnt-v0": ReferenceReturn(-333.7132, 4.1983),
    "Swimmer-v5": ReferenceReturn(1.8149, 1.0074),
    "Reacher-v5": ReferenceReturn(-43.4218, 0.3854),
    "InvertedPendulum-v5": ReferenceReturn(4.42, 0.2804),
    "InvertedDoublePendulum-v5": ReferenceReturn(44.4842, 1.753),
    "Pusher-v5": ReferenceReturn(-148.5375, 0.7822),
    "Humanoid-v5": ReferenceReturn(112.4476, 3.3027),
}
"""Return of uniformly random actions, by the environment's public id."""


class ReturnScale(NamedTuple):
    """What returns are held against.

    Fields:
        random: of random actions; None where it is not known.
        demonstrations: of the demonstrations; None where no rewards were recorded.

    Example:
        >>> ReturnScale(-1200.0, -200.0).normalized(-700.0), ReturnScale(-1200.0, -1300.0).normalized(-700.0)
        (0.5, None)
    """

    random: float | None
    demonstrations: float | None

    @property
    def is_one(self) -> bool:
        """Whether both ends are known, in their order: demonstrations no better than random actions are no 1 to a 0."""
        return self.random is not None and self.demonstrations is not None and self.demonstrations > self.random

    @property
    def ends(self) -> tuple[tuple[str, float | None, float | None], tuple[str, float | None, float | None]]:
        """What a table shows of each end: name, return, normalized return."""
        low, high = (0.0, 1.0) if self.is_one else (None, None)
        return ("random actions", self.random, low), ("demonstrations", self.demonstrations, high)

    @property
    def warning(self) -> str | None:
        """What to say where the demonstrations are no 1 though they have a return."""
        if self.is_one or self.random is None or self.demonstrations is None:
            return None
        return (
            f"the demonstrations earn {self.demonstrations:,.1f}, random actions {self.random:,.1f}: no better, so that returns are not "
            "normalized; check that they belong to this environment, and that their rewards are its own"
        )

    def normalized(self, value: float | None) -> float | None:
        """0 = random actions, 1 = the demonstrations; None where one of them, or the value, is not known."""
        if value is None or not self.is_one:
            return None
        assert self.random is not None
        assert self.demonstrations is not None
        return normalized_return(value, self.random, self.demonstrations)


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

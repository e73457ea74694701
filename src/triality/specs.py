"""What an environment looks like from outside: sizes, bounds, time limit. Imports no jax, so that bad input is refused at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, pi


@dataclass(frozen=True)
class EnvironmentSpec:
    """Sizes and bounds of an environment.

    Args:
        name: the public id; Gymnasium's own where it has the environment.
        observation_size: number of observation coordinates.
        action_size: number of action coordinates; 0 for discrete actions.
        num_actions: number of discrete actions; 0 for continuous ones.
        action_low: lower bound of each action coordinate.
        action_high: upper bound of each action coordinate.
        time_limit: steps after which an episode is cut.
        observation_low: lower bound of each observation coordinate; empty where nothing is promised.
        observation_high: upper bound of each observation coordinate; empty where nothing is promised.
    """

    name: str
    observation_size: int
    action_size: int = 0
    num_actions: int = 0
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    time_limit: int = 200
    observation_low: tuple[float, ...] = ()
    observation_high: tuple[float, ...] = ()

    @property
    def is_discrete(self) -> bool:
        """Whether actions are integers 0 .. num_actions - 1."""
        return self.num_actions > 0


def absorbing_spec(spec: EnvironmentSpec) -> EnvironmentSpec:
    """What ``Absorbing(env)`` looks like: an indicator coordinate more, and zeros are an observation.

    Example:
        >>> absorbing_spec(SPECS["CartPole-v1"]).observation_size
        5
    """
    low, high = _bounds(spec)
    with_zero = replace(
        spec,
        observation_low=tuple(min(bound, 0.0) for bound in low),
        observation_high=tuple(max(bound, 0.0) for bound in high),
    )
    return _with_coordinate(with_zero, 0.0, 1.0)


def timed_spec(spec: EnvironmentSpec) -> EnvironmentSpec:
    """What ``TimeObservation(env)`` looks like: one coordinate more, the elapsed share of the time limit.

    Example:
        >>> timed_spec(SPECS["Pendulum-v1"]).observation_high
        (1.0, 1.0, 8.0, 1.0)
    """
    return _with_coordinate(spec, 0.0, 1.0)


def _bounds(spec: EnvironmentSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    size = spec.observation_size
    return spec.observation_low or (-inf,) * size, spec.observation_high or (inf,) * size


def _with_coordinate(spec: EnvironmentSpec, low: float, high: float) -> EnvironmentSpec:
    lower, upper = _bounds(spec)
    return replace(spec, observation_size=spec.observation_size + 1, observation_low=(*lower, low), observation_high=(*upper, high))


def _known() -> tuple[EnvironmentSpec, ...]:
    fallen, spin = 24 * pi / 180, (4 * pi, 9 * pi)  # Gymnasium documents twice the angle at which an episode of CartPole ends
    unit, maze, cells = ((-1.0, -1.0), (1.0, 1.0)), ((-0.05, -0.05), (0.55, 0.55)), 30
    return (
        EnvironmentSpec("Pendulum-v1", 3, 1, 0, (-2.0,), (2.0,), 200, (-1.0, -1.0, -8.0), (1.0, 1.0, 8.0)),
        EnvironmentSpec("CartPole-v1", 4, 0, 2, (), (), 500, (-4.8, -inf, -fallen, -inf), (4.8, inf, fallen, inf)),
        EnvironmentSpec("MountainCar-v0", 2, 0, 3, (), (), 200, (-1.2, -0.07), (0.6, 0.07)),
        EnvironmentSpec("MountainCarContinuous-v0", 2, 1, 0, (-1.0,), (1.0,), 999, (-1.2, -0.07), (0.6, 0.07)),
        EnvironmentSpec("Acrobot-v1", 6, 0, 3, (), (), 500, (-1.0,) * 4 + tuple(-w for w in spin), (1.0,) * 4 + spin),
        EnvironmentSpec("PointMass-v0", 4, 2, 0, *unit, 100, (-2.0,) * 4, (2.0,) * 4),
        EnvironmentSpec("TwoRooms-v0", 2, 2, 0, *unit, 100, *unit),
        EnvironmentSpec("PointMaze-v0", 2, 2, 0, *unit, 100, *maze),
        EnvironmentSpec("PointMazeShifted-v0", 2, 2, 0, *unit, 100, *maze),
        EnvironmentSpec("PointMazeAnywhere-v0", 2, 2, 0, *unit, 100, *maze),
        EnvironmentSpec("Gridworld-v0", cells, 0, 5, (), (), 50, (0.0,) * cells, (1.0,) * cells),
    )


def _mujoco() -> tuple[EnvironmentSpec, ...]:
    """Sizes, bounds and time limits of Gymnasium 1.4's version 5, and of the ant that we changed; observations are unbounded."""

    def spec(name: str, observation_size: int, action_size: int, bound: float = 1.0, time_limit: int = 1000) -> EnvironmentSpec:
        return EnvironmentSpec(name, observation_size, action_size, 0, (-bound,) * action_size, (bound,) * action_size, time_limit)

    return (
        spec("HalfCheetah-v5", 17, 6),
        spec("Hopper-v5", 11, 3),
        spec("Walker2d-v5", 17, 6),
        spec("Ant-v5", 105, 8),
        spec("DisabledAnt-v0", 105, 8),
        spec("Swimmer-v5", 8, 2),
        spec("Reacher-v5", 10, 2, time_limit=50),
        spec("InvertedPendulum-v5", 4, 1, 3.0),
        spec("InvertedDoublePendulum-v5", 9, 1),
        spec("Pusher-v5", 23, 7, 2.0, 100),
        spec("Humanoid-v5", 348, 17, 0.4),
    )


SPECS: dict[str, EnvironmentSpec] = {spec.name: spec for spec in _known()}
"""Every environment that lives inside the compiled run, by its public id."""

MUJOCO_SPECS: dict[str, EnvironmentSpec] = {spec.name: spec for spec in _mujoco()}
"""MuJoCo's tasks, which run on the host: Gymnasium's, and those of ours, which have a class for Gymnasium."""

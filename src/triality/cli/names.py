"""What a name on the command line means: the one table. The library itself has no registry of strings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from triality.errors import ConfigError
from triality.specs import SPECS, EnvironmentSpec, absorbing_spec

if TYPE_CHECKING:
    from triality.envs.environment import AbstractEnvironment
    from triality.objectives.by_start import Objective

# Episodes of these can end before the time limit, so they run to a fixed horizon with an absorbing state: how long one survives is then
# no reward in disguise.
ENDING = ("CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1")

OBJECTIVES = {"gan-gcl": ("normalized", "plain"), "guided-cost": ("q-only", "tempered", "mixture")}


class Task(NamedTuple):
    """An environment as the command uses it.

    Fields:
        bare: its specification as Gymnasium has it, which demonstrations have to fit.
        spec: with the absorbing state's indicator, where episodes can end.
    """

    bare: EnvironmentSpec
    spec: EnvironmentSpec

    @property
    def is_absorbing(self) -> bool:
        """Whether the environment goes on in an absorbing state."""
        return self.bare is not self.spec


def find_task(name: str) -> Task:
    """The task of that id.

    Raises:
        ConfigError: no such environment; names the nearest.
    """
    if name not in SPECS:
        raise ConfigError(f"expected an environment id, got '{name}'; {nearest(name, SPECS)}")
    bare = SPECS[name]
    return Task(bare, absorbing_spec(bare) if name in ENDING else bare)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, and all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
    return (f"did you mean '{close[0]}'? " if close else "") + f"choose one of {', '.join(known)}"


def make_environment(task: Task) -> AbstractEnvironment:
    """The compiled environment of a task."""
    from triality.envs.absorbing import Absorbing
    from triality.envs.acrobot import Acrobot
    from triality.envs.cartpole import CartPole
    from triality.envs.gridworld import gridworld
    from triality.envs.mountain_car import MountainCar, MountainCarContinuous
    from triality.envs.pendulum import Pendulum
    from triality.envs.point_mass import PointMass
    from triality.envs.two_rooms import TwoRooms

    table: dict[str, Callable[[], AbstractEnvironment]] = {
        "Pendulum-v1": Pendulum,
        "CartPole-v1": CartPole,
        "MountainCar-v0": MountainCar,
        "MountainCarContinuous-v0": MountainCarContinuous,
        "Acrobot-v1": Acrobot,
        "PointMass-v0": PointMass,
        "TwoRooms-v0": TwoRooms,
        "Gridworld-v0": gridworld,
    }
    environment = table[task.bare.name]()
    return Absorbing(environment) if task.is_absorbing else environment


def make_objective(name: str) -> Objective:
    """The objective of the cost of that name."""
    from triality.objectives.discriminator import DiscriminatorLoss, OverlapNormalizedLoss
    from triality.objectives.guided_cost import GuidedCostLoss, MixtureGuidedCostLoss, TemperedToSampleSize

    table: dict[str, Callable[[], Objective]] = {
        "normalized": OverlapNormalizedLoss,
        "plain": DiscriminatorLoss,
        "q-only": GuidedCostLoss,
        "tempered": lambda: GuidedCostLoss(TemperedToSampleSize()),
        "mixture": MixtureGuidedCostLoss,
    }
    return table[name]()


def objective_name(algorithm: str, objective: str) -> str:
    """The objective that is meant, ``auto`` resolved.

    Raises:
        ConfigError: the objective does not belong to the algorithm.
    """
    allowed = OBJECTIVES[algorithm]
    if objective == "auto":
        return allowed[0]
    if objective not in allowed:
        raise ConfigError(f"expected --objective auto, {' or '.join(allowed)} with --algorithm {algorithm}, got '{objective}'; choose one")
    return objective

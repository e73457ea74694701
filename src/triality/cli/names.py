"""What a name on the command line means: the one table. The library itself has no registry of strings."""

from __future__ import annotations

import difflib
import re
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

# Ours: Gymnasium has none of these ids, and the compiled environment is the real one.
NOT_IN_GYMNASIUM = ("PointMass-v0", "TwoRooms-v0", "Gridworld-v0")

# What ``auto`` stands for comes first.
OBJECTIVES = {"gan-gcl": ("normalized", "plain"), "guided-cost": ("q-only", "tempered", "mixture")}
STARTS = {"trajectory": "matched", "step": "free"}  # what ``auto`` stands for at each level

NEAR = 0.7  # share of letters in common; InvertedPendulum and Pendulum, which are two tasks, have 0.67


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

    @property
    def is_ours(self) -> bool:
        """Whether Gymnasium has no such environment."""
        return self.bare.name in NOT_IN_GYMNASIUM

    @property
    def simulator(self) -> str:
        """What evaluates a policy, in words."""
        return "the compiled environment (Gymnasium has none of this id)" if self.is_ours else "Gymnasium"


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
    """The end of an error message: the nearest known name if one is near, and all of them. A version counts for nothing in it.

    Example:
        >>> nearest("pendulum-v2", ["Pendulum-v1", "Acrobot-v1"])
        "did you mean 'Pendulum-v1'? choose one of Pendulum-v1, Acrobot-v1"
        >>> nearest("Foo-v1", ["Pendulum-v1", "Acrobot-v1"])
        'choose one of Pendulum-v1, Acrobot-v1'
    """
    known = list(known)
    stems = {_stem(each): each for each in known}
    close = difflib.get_close_matches(_stem(name), stems, n=1, cutoff=NEAR)
    return (f"did you mean '{stems[close[0]]}'? " if close else "") + f"choose one of {', '.join(known)}"


def _stem(name: str) -> str:
    return re.sub(r"-v\d+$", "", name).casefold()


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

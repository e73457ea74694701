"""What a name on the command line means: the one table. The library itself has no registry of strings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from triality.errors import ConfigError
from triality.specs import MUJOCO_SPECS, SPECS, EnvironmentSpec, absorbing_spec

if TYPE_CHECKING:
    from triality.algorithms.cost_learning import PolicyCost
    from triality.algorithms.scaling_rules import ScalingRule
    from triality.algorithms.steps import StepView
    from triality.envs.environment import AbstractEnvironment
    from triality.objectives.by_start import Objective
    from triality.simulators.batch import SimulatorBatch

# Episodes of these can end before the time limit, so they run to a fixed horizon with an absorbing state: how long one survives is then
# no reward in disguise.
ENDING = ("CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1")
ANTS = ("Ant-v5", "DisabledAnt-v0")
ENDING_IN_MUJOCO = ("Hopper-v5", "Walker2d-v5", *ANTS, "Humanoid-v5", "InvertedPendulum-v5", "InvertedDoublePendulum-v5")

# Ours: Gymnasium has none of these ids, and the compiled environment is the real one.
NOT_IN_GYMNASIUM = ("PointMass-v0", "TwoRooms-v0", "PointMaze-v0", "PointMazeShifted-v0", "PointMazeAnywhere-v0", "Gridworld-v0")

# What ``auto`` stands for comes first.
OBJECTIVES = {
    "gan-gcl": ("normalized", "plain"),
    "guided-cost": ("q-only", "tempered", "mixture", "per-decision"),
    "airl": ("plain", "normalized"),
    "gail": ("plain", "normalized"),
    "sqil": ("squares",),
    "iq-learn": ("v0", "value"),
    "f-irl": ("js", "forward-kl", "reverse-kl"),
}
REWARDS = {"airl": ("f-log-pi", "f", "g-log-pi", "g"), "gail": ("positive", "negative", "log-odds")}
TEMPERATURES = {"f": 0.0, "g": 0.0, "positive": 0.0, "negative": 0.0, "log-odds": 0.0}  # of a reward; of all others 1
METHODS = {"bc": "behavioral cloning", "dagger": "DAgger", "sqil": "SQIL", "iq-learn": "IQ-Learn"}  # in words
COSTLESS = tuple(METHODS)  # they learn a policy and no cost
CLONING = ("bc", "dagger")  # by likelihood of actions
SOFT_Q = ("sqil", "iq-learn")  # by an action value
BASELINES = (*SOFT_Q, "f-irl")
LEVELS = {"airl": "step", "gail": "step", "f-irl": "step"}  # the only ones; all others are of whole trajectories unless told
STARTS = {"trajectory": "matched", "step": "free"}  # what ``auto`` stands for at each level

NEAR = 0.7  # share of letters in common; InvertedPendulum and Pendulum, which are two tasks, have 0.67


class Hosting(NamedTuple):
    """How simulators on the host are hosted.

    Fields:
        workers: processes that host them; 0 for this one.
        max_restarts: workers, or actors, that may be replaced.
        patience: seconds that one step of one simulator may take.
        actors: actors that play roll-outs, each hosting its share of the simulators; 0 for none.
        ray_address: of the cluster that they live in; None for one of our own.
    """

    workers: int = 0
    max_restarts: int = 0
    patience: float = 60.0
    actors: int = 0
    ray_address: str | None = None


class Task(NamedTuple):
    """An environment as the command uses it.

    Fields:
        bare: its specification as Gymnasium has it, which demonstrations have to fit.
        spec: with the absorbing state's indicator, where episodes can end.
        on_host: whether it runs outside the compiled run, in simulators on the host.
        hosting: how they are hosted.
    """

    bare: EnvironmentSpec
    spec: EnvironmentSpec
    on_host: bool = False
    hosting: Hosting = Hosting()

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


def find_task(name: str, host: bool = False) -> Task:
    """The task of that id: compiled where there is a compiled environment, unless ``host`` asks for Gymnasium's own.

    Raises:
        ConfigError: no such environment; names the nearest.
    """
    if name in SPECS and not host:
        bare = SPECS[name]
        return Task(bare, absorbing_spec(bare) if name in ENDING else bare)
    if name in MUJOCO_SPECS:
        bare = MUJOCO_SPECS[name]
        return Task(bare, absorbing_spec(bare) if name in ENDING_IN_MUJOCO else bare, on_host=True)
    if not host or name in NOT_IN_GYMNASIUM:
        known = nearest(name, {**SPECS, **MUJOCO_SPECS})
        raise ConfigError(f"expected an environment id, got '{name}'; {known}. With --host any that Gymnasium knows")
    return _on_host(name)


def _on_host(name: str) -> Task:
    """Any other of Gymnasium's. Whether its episodes can end is not known beforehand, so they all go on in an absorbing state."""
    from triality.envs.gymnasium_eval import make_gymnasium
    from triality.simulators.gymnasium_spec import spec_of

    bare = SPECS[name] if name in SPECS else spec_of(make_gymnasium(name), name)
    ends = name in ENDING or name not in SPECS
    return Task(bare, absorbing_spec(bare) if ends else bare, on_host=True)


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
    """The compiled environment of a task; of one on the host its sizes alone."""
    if task.on_host:
        from triality.envs.host import HostEnvironment

        return HostEnvironment(task.spec)
    from triality.envs.absorbing import Absorbing
    from triality.envs.acrobot import Acrobot
    from triality.envs.cartpole import CartPole
    from triality.envs.gridworld import gridworld
    from triality.envs.mountain_car import MountainCar, MountainCarContinuous
    from triality.envs.pendulum import Pendulum
    from triality.envs.point_mass import PointMass
    from triality.envs.point_maze import PointMaze, point_maze_anywhere, point_maze_shifted
    from triality.envs.two_rooms import TwoRooms

    table: dict[str, Callable[[], AbstractEnvironment]] = {
        "Pendulum-v1": Pendulum,
        "CartPole-v1": CartPole,
        "MountainCar-v0": MountainCar,
        "MountainCarContinuous-v0": MountainCarContinuous,
        "Acrobot-v1": Acrobot,
        "PointMass-v0": PointMass,
        "TwoRooms-v0": TwoRooms,
        "PointMaze-v0": PointMaze,
        "PointMazeShifted-v0": point_maze_shifted,
        "PointMazeAnywhere-v0": point_maze_anywhere,
        "Gridworld-v0": gridworld,
    }
    environment = table[task.bare.name]()
    return Absorbing(environment) if task.is_absorbing else environment


STEPS_OF_A_BATCH, LEAST_SIMULATORS = 16_000, 16


def usual_simulators(task: Task) -> int:
    """How many simulators on the host an iteration takes: sixteen of long episodes, more of short ones, for as many steps."""
    return max(LEAST_SIMULATORS, STEPS_OF_A_BATCH // task.bare.time_limit)


def make_simulators(task: Task, num: int) -> SimulatorBatch:
    """``num`` simulators of a task on the host, in workers if that was asked for, at least one in each."""
    workers, max_restarts, patience = task.hosting[:3]
    if workers:
        from triality.simulators.worker_batch import WorkerBatch

        return WorkerBatch(task.bare.name, num, min(workers, num), patience=patience, max_restarts=max_restarts)
    if task.bare.name in MUJOCO_SPECS:
        from triality.simulators.mujoco_batch import MujocoBatch

        return MujocoBatch(task.bare.name, num)
    from triality.simulators.gymnasium_batch import GymnasiumBatch

    return GymnasiumBatch(task.bare.name, num, patience=patience)


def simulators_of_actor(task: Task, num: int) -> Callable[[], SimulatorBatch]:
    """Makes the simulators of one actor, in its process: one thread, since it has one core."""
    if task.bare.name in MUJOCO_SPECS:
        from triality.simulators.mujoco_batch import MujocoBatch

        return partial(MujocoBatch, task.bare.name, num, 1)
    from triality.simulators.gymnasium_batch import GymnasiumBatch

    return partial(GymnasiumBatch, task.bare.name, num, patience=task.hosting.patience)


def make_objective(name: str, starts: str) -> Objective:
    """The objective of the cost of that name. Free starts are weighed by V(x_1), which then must not have seen the roll-out it weighs."""
    from triality.objectives.discriminator import DiscriminatorLoss, OverlapNormalizedLoss
    from triality.objectives.guided_cost import GuidedCostLoss, MixtureGuidedCostLoss, TemperedToSampleSize
    from triality.objectives.linear_twist import CrossFitted, LinearTwist
    from triality.objectives.per_decision import PerDecisionLoss

    table: dict[str, Callable[[], Objective]] = {
        "normalized": OverlapNormalizedLoss,
        "plain": DiscriminatorLoss,
        "q-only": GuidedCostLoss,
        "tempered": lambda: GuidedCostLoss(TemperedToSampleSize()),
        "mixture": MixtureGuidedCostLoss,
        "per-decision": lambda: PerDecisionLoss(CrossFitted() if starts == "free" else LinearTwist()),
    }
    return table[name]()


def make_scaling_rule(name: str) -> ScalingRule:
    """How the scaling of observations goes on, by its name."""
    from triality.algorithms.scaling_rules import FrozenScaling, RunningScaling

    table: dict[str, Callable[[], ScalingRule]] = {"fitted": FrozenScaling, "running": RunningScaling}
    return table[name]()


def make_reward(name: str) -> PolicyCost:
    """What the policy minimizes, by the name of its reward; whether it holds an entropy is for the temperature to say."""
    from triality.energies.adversarial_reward import LogDrawn, MinusLogData
    from triality.energies.shaped_cost import OfTransition
    from triality.trajectory import OfPair

    table: dict[str, PolicyCost] = {"f-log-pi": OfTransition, "f": OfTransition, "positive": LogDrawn, "negative": MinusLogData}
    return table.get(name, OfPair)


def make_view(algorithm: str) -> StepView:
    """What one sample of the level of steps is, by the algorithm."""
    from triality.each_pair import EachPair
    from triality.each_transition import EachTransition
    from triality.trajectory import EachStep

    table: dict[str, Callable[[], StepView]] = {"airl": EachTransition, "gail": EachPair}
    return table.get(algorithm, EachStep)()

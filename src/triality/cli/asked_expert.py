"""An expert that is there already, to ask (``irl --algorithm dagger``) or to record (``expert``): checked before jax is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality.cli.names import Task
from triality.errors import ConfigError
from triality.runs.folder import CONFIG
from triality.specs import EnvironmentSpec

POLICY = "policy.json"
GAUSSIAN = "gaussian"
"""What an unsquashed policy is called in its description."""


class AskedExpert(NamedTuple):
    """A policy on the disk.

    Fields:
        path: folder of ``triality export`` or ``triality expert --policy-out``, or of a run of ``triality irl``.
        environment: id of the environment that it was learned in.
        sees: coordinates of an observation, without the absorbing indicator.
        num_actions: of discrete actions, 0 for a box.
        box: lower and upper bounds of the action, empty for discrete ones.
        is_absorbing: whether its observations end with the absorbing indicator.
        is_squashed: whether its actions stay in the box.
    """

    path: Path
    environment: str
    sees: int
    num_actions: int
    box: tuple[tuple[float, ...], tuple[float, ...]]
    is_absorbing: bool
    is_squashed: bool

    @property
    def words(self) -> str:
        """What it sees and does."""
        return _words(self.sees, self.num_actions, self.box)


def find_expert(path: Path, task: Task, actions: str) -> AskedExpert:
    """The expert in the folder ``path``, checked against the environment.

    Raises:
        ConfigError: no such folder, or an expert that sees or does other things than the environment asks for.
        StorageError: its files are damaged.
    """
    found = _exported(path) if (path / POLICY).is_file() else _of_run(path)
    spec = task.bare
    box = () if spec.is_discrete else (spec.action_low, spec.action_high)
    fits = (found.sees, found.num_actions) == (spec.observation_size, spec.num_actions) and len(found.box) == len(box)
    if not (fits and all(len(mine) == len(its) and np.allclose(mine, its) for mine, its in zip(found.box, box, strict=True))):
        needed = _words(spec.observation_size, spec.num_actions, (spec.action_low, spec.action_high))
        raise ConfigError(
            f"{path}: expected an expert for {spec.name} ({needed}), got one of {found.environment} ({found.words}); name another --expert"
        )
    if not found.is_squashed and actions != "raw":
        raise ConfigError(
            f"{path}: expected an expert whose actions stay in the box, got an unsquashed one; add --actions raw, so that the policy and "
            "its simulator take them as they are"
        )
    return found


def expert_notes(expert: AskedExpert, task: Task) -> tuple[str, ...]:
    """What the user should know of an expert that fits."""
    if expert.environment == task.bare.name:
        return ()
    return (f"the expert was learned in {expert.environment}; what it sees and does has the sizes of {task.bare.name}, no more is known",)


def _exported(path: Path) -> AskedExpert:
    from triality.export.saved import read_saved

    saved = read_saved(path, "policy")
    absorbing = saved.description.get("absorbing") is True
    num_actions, size = saved.count("num_actions"), saved.count("action_size")
    middle, half = (np.zeros(0),) * 2 if num_actions else (saved.array(name, (size,)) for name in ("center", "half_width"))
    box: Any = () if num_actions else (tuple(map(float, middle - half)), tuple(map(float, middle + half)))
    sees = saved.count("observation_size") - absorbing
    squashed = saved.description.get("kind") != GAUSSIAN
    return AskedExpert(path, str(saved.description.get("environment")), sees, num_actions, box, absorbing, squashed)


def _of_run(path: Path) -> AskedExpert:
    from triality.cli.stored import open_run

    if not (path / CONFIG).is_file():
        got = "no such folder" if not path.is_dir() else f"one without {POLICY} or {CONFIG}"
        raise ConfigError(
            f"{path}: expected the folder of an expert, got {got}; name one that triality expert --policy-out, triality export or "
            "triality irl wrote"
        )
    stored = open_run(path)
    bare: EnvironmentSpec = stored.task.bare
    box: Any = () if bare.is_discrete else (bare.action_low, bare.action_high)
    squashed = bare.is_discrete or stored.options.actions != "raw"
    return AskedExpert(path, bare.name, bare.observation_size, bare.num_actions, box, stored.task.is_absorbing, squashed)


def _words(sees: int, num_actions: int, box: Any) -> str:
    does = f"{num_actions} discrete actions" if num_actions else f"actions from {list(box[0])} to {list(box[1])}"
    return f"observations of {sees} coordinates, {does}"

"""The options of ``triality demos``, as plain dataclasses. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

File = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
Keys = Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="NAME [NAME ...]", help_behavior_hint="(default: all, sorted by name)")]
Environment = Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(default: as the file says, else bounds of -1 and 1)")]


@dataclass(frozen=True)
class DemosInfoOptions:
    """Say what a file of demonstrations holds: episodes, steps, sizes, returns, ends, log-densities, actions at the bounds, origin.

    For instance: triality demos info demos.npz; triality demos info ~/.minari/datasets/D4RL/door/human-v2;
    triality demos info hopper.hdf5 --env Hopper-v5; triality demos info recording --keys qpos qvel.
    """

    file: File
    """File or folder (npz, CSV, D4RL HDF5, Minari, imitation or LeRobot v3). Its content decides, not its name."""
    keys: Keys = None
    """Parts of the observation to take, in this order, where it has several."""
    env: Environment = None
    """Environment, by id, whose action bounds are meant: any of triality irl, or of Gymnasium (module:Name-v0 for one of your own)."""


@dataclass(frozen=True)
class DemosConvertOptions:
    """Write demonstrations of any known format as npz or as a Minari data set; nothing that exists is replaced.

    For instance: triality demos convert hopper.hdf5 hopper.npz;
    triality demos convert steps.csv ~/.minari/datasets/toy/steps-v0 --to minari;
    triality demos convert hopper_v4.npz hopper.npz --env Hopper-v5; triality demos convert ant.npz whole.npz --min-length 1000.
    """

    file: File
    """File or folder to read, as for triality demos info."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """What to write: a file (npz), or a folder whose name ends in -v and a number (minari)."""
    to: Literal["npz", "minari"] = "npz"
    """npz holds everything there is. minari: HDF5, read by minari.load_dataset where the folder lies among its data sets."""
    keys: Keys = None
    """Parts of the observation to take, in this order, where it has several."""
    env: Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(default: as the file says)")] = None
    """Environment, by id, that the demonstrations count as recorded in from now on, where you know that they fit another than they name.
    What they named before is kept as recorded_in."""
    min_length: Annotated[int, tyro.conf.arg(metavar="STEPS")] = 1
    """Leave out what is shorter, such as episodes that ended in a fall: a cost that is to say what was wanted should not be learned from
    what was not."""


@dataclass(frozen=True)
class DemosCheckOptions:
    """Check demonstrations against an environment, as triality irl does before it learns, and list all that does not fit.

    The exit code is 0 where all fits, and 3 where the data have to change.
    """

    file: File
    """File or folder to read, as for triality demos info."""
    env: str
    """Environment, by id: any of triality irl, or of Gymnasium (module:Name-v0 for one of your own)."""
    keys: Keys = None
    """Parts of the observation to take, in this order, where it has several."""
    actions: Literal["error", "clip", "raw"] = "error"
    """Actions outside the box: refuse, clip them, or keep them, as for triality irl."""


@dataclass(frozen=True)
class DemosOptions:
    """Look at demonstrations, convert them, and check them against an environment.

    Read are npz, CSV (a row a step: episode, obs_0, ..., action_0, ...), D4RL's HDF5, Minari (HDF5, Arrow), folders saved by imitation,
    and LeRobot v3. HDF5 and Arrow need: pip install "triality[demos]".
    """

    action: (
        Annotated[DemosInfoOptions, tyro.conf.subcommand("info")]
        | Annotated[DemosConvertOptions, tyro.conf.subcommand("convert")]
        | Annotated[DemosCheckOptions, tyro.conf.subcommand("check")]
    )
    """What to do."""

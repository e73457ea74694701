"""How a run is kept while it goes on: the options that all commands which learn have in common. Imports no jax."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import tyro

from triality.cli.trackers import check_trackers, make_trackers
from triality.errors import ConfigError
from triality.runs.keeping import Keeping


@dataclass(frozen=True)
class KeepingOptions:
    """Checkpoints. A run that was killed or stopped goes on with the same command and --resume, and gives the same numbers."""

    resume: bool = False
    """Go on from the newest checkpoint of a run that was killed or stopped; begin where there is none. The other options must be the same;
    --iterations of irl may be more."""
    checkpoint_every: float = 30.0
    """Seconds between checkpoints, or more where writing them would take over 2 % of the run; 0 saves after every chunk all the same."""
    keep: int = 2
    """Checkpoints to keep, the newest ones."""

    def problems(self, overwrite: bool = False) -> list[str]:
        """What is wrong, one line each."""
        wrong = []
        if not 0 <= self.checkpoint_every < math.inf:
            wrong.append(f"expected --checkpoint-every of at least 0 seconds, got {self.checkpoint_every}; the default is a good start")
        if self.keep < 1:
            wrong.append(f"expected --keep of at least 1, got {self.keep}; two survive the loss of one")
        if self.resume and overwrite:
            wrong.append("expected --resume or --overwrite, got both; the one goes on with what is there, the other removes it")
        return wrong

    def keeping(self, overwrite: bool, inputs: Mapping[str, str] | None = None, is_extendable: bool = False, track: str = "") -> Keeping:
        """The same as the run folder takes it."""
        make = partial(make_trackers, names_of_trackers(track))
        return Keeping(self.checkpoint_every, self.keep, self.resume, overwrite, is_extendable, make, inputs or {})


USUAL = KeepingOptions()

Kept = Annotated[KeepingOptions, tyro.conf.arg(name="")]
"""As a field of a command's options: without a prefix of its own on the command line."""


Track = Annotated[str, tyro.conf.arg(metavar="NAME,...", help_behavior_hint="(default: none)")]
"""Names of trackers."""


def names_of_trackers(track: str) -> tuple[str, ...]:
    """Those in ``track``.

    Example:
        >>> names_of_trackers("tensorboard, wandb"), names_of_trackers("")
        (('tensorboard', 'wandb'), ())
    """
    return tuple(name.strip() for name in track.split(",") if name.strip())


def track_problems(track: str) -> list[str]:
    """Of ``--track``."""
    try:
        check_trackers(names_of_trackers(track))
    except ConfigError as error:
        return [str(error)]
    return []


def without_keeping(config: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration without these options and those of devices, which a run that is read back does not need."""
    return {name: value for name, value in config.items() if name not in ("kept", "placed")}

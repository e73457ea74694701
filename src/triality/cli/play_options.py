"""The options of ``triality play``. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class PlayOptions:
    """Record a film of the learned policy beside a demonstration, without a screen.

    Both begin where the demonstration begins, where the simulator can be put there: in classic control by its observation, elsewhere by
    the seed it was reset with, if the demonstrations' meta lists reset_seeds. Otherwise the policy is shown alone. The caption says which.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: RUN.gif, beside the folder)")] = None
    """Film to write: gif, or mp4 where imageio-ffmpeg is installed. An existing one is replaced."""
    episodes: int = 1
    """Episodes, one after the other: one for each demonstration."""
    seed: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: the first of the run)")] = None
    """Which seed of the run; the policy's mean action is shown."""
    steps: int = 300
    """Most steps of an episode to show."""
    fps: int = 30
    """Frames a second, one a step."""
    size: int = 320
    """Width of each of the two panels, in pixels."""

"""How a run is kept. Imports no jax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from triality.tracking.tracker import Together, Tracker


def nobody(folder: Path) -> Tracker:
    """A tracker that tells nobody."""
    del folder
    return Together(())


class Keeping(NamedTuple):
    """How a run is kept.

    Fields:
        every: seconds between checkpoints; 0 saves at every look.
        keep: how many of the newest stay.
        resume: go on from the newest checkpoint in the folder; where there is none, begin.
        overwrite: remove what an earlier run left.
        is_extendable: whether a run may go on to more iterations than it began with.
        make_tracker: who else is told what the log is told, from the folder of the run; nobody by default.
        inputs: what the run reads, by name, as ``resumption.digest_of`` tells it apart.
    """

    every: float = 30.0
    keep: int = 2
    resume: bool = False
    overwrite: bool = False
    is_extendable: bool = False
    make_tracker: Callable[[Path], Tracker] = nobody
    inputs: Mapping[str, str] = {}

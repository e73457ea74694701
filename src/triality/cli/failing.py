"""What becomes of a row whose steps give NaN again and again: of a run it is the end, of a sweep the end of one point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from triality.algorithms.guarded import GuardedState, failing_rows, failure, refuse_failing
from triality.cli.config import as_config
from triality.cli.rows import Rows
from triality.cli.sweep_options import Point
from triality.errors import NonFiniteError, StorageError
from triality.runs.failure import WORDS, write_failure
from triality.runs.folder import RunFolder
from triality.runs.json_files import read_json
from triality.runs.keeper import Keeper
from triality.runs.point_log import copy_log

FAILED = "failed"
"""The part of a sweep's checkpoint that says which of its points have failed, and after how many iterations."""


@runtime_checkable
class Failing(Protocol):
    """Looks at the states after every chunk."""

    failed: dict[str, str]
    """What went wrong, by the name of the point."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """What it needs of a checkpoint to go on."""
        ...

    def begun(self, keeper: Keeper) -> None:
        """The run begins, or goes on."""
        ...

    def look(self, going: GuardedState, before: int, done: int) -> None:
        """At all states, after iterations ``before + 1`` to ``done``."""
        ...


class EndsTheRun:
    """Nothing fails but all of it.

    Args:
        remedy: the end of the error.
    """

    def __init__(self, remedy: str):
        self.remedy, self.failed = remedy, {}
        self.parts: dict[str, Any] = {}

    def begun(self, keeper: Keeper) -> None:
        del keeper

    def look(self, going: GuardedState, before: int, done: int) -> None:
        """Raises ``NonFiniteError`` where a row failed again and again."""
        refuse_failing(going, f"iterations {before + 1}-{done}", self.remedy)


class EndsThePoint:
    """A point ends as a run of its own would, and the others go on; where none is left it is the end of the sweep.

    The rows of an ended point are computed as before, since they are part of the program, and looked at no more.

    Args:
        rows: of the sweep.
        points: of the sweep, in the same order; the folder of one that ends is made at that moment.
        remedy: the end of the error.
        say: tells the user a sentence.
    """

    def __init__(self, rows: Rows, points: Sequence[Point], remedy: str, say: Callable[[str], None]):
        self.rows, self.points, self.remedy, self.say = rows, points, remedy, say
        self.failed: dict[str, str] = {}
        self._after = np.zeros(len(points), np.int64)
        self._keeper: Keeper | None = None

    @property
    def parts(self) -> Mapping[str, Any]:
        return {FAILED: self._after.copy()}

    def begun(self, keeper: Keeper) -> None:
        """Those that had ended before a sweep was resumed have left their words."""
        self._keeper = keeper
        if not keeper.resumes:
            return
        self._after = np.asarray(keeper.restored(FAILED, self._after))
        for index in np.flatnonzero(self._after):
            self.failed[self.points[index].name] = _words(self.points[index], int(self._after[index]))

    def look(self, going: GuardedState, before: int, done: int) -> None:
        """Raises ``NonFiniteError`` where no point is left."""
        rows = [row for row in failing_rows(going) if self.rows.all[row].point not in self.failed]
        error: NonFiniteError | None = None
        for row in rows:
            point = self.points[row // len(self.rows.seeds)]
            if point.name in self.failed:
                continue
            error = failure(going, row, f"iterations {before + 1}-{done}", self.remedy)
            self._end(point, error, before, done)
        if error is not None and len(self.failed) == len(self.points):
            raise error

    def _end(self, point: Point, error: NonFiniteError, before: int, done: int) -> None:
        self.failed[point.name] = str(error)
        self._after[[each.name for each in self.points].index(point.name)] = done
        config = as_config(point.options)
        folder = RunFolder.create(point.options.out, overwrite=True)
        folder.write_config("irl", config)
        write_failure(folder.path, error, before, config)
        if self._keeper is not None:
            copy_log(self._keeper.folder, point.name, folder)
        self.say(f"{point.name} has failed, the other points go on: {error}")


def _words(point: Point, after: int) -> str:
    try:
        return str(read_json(point.options.out / WORDS)["error"])
    except (StorageError, KeyError):
        return f"NaN or infinity before iteration {after + 1}"

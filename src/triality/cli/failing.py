"""What becomes of a row whose steps give NaN again and again: of a run it is the end, of a sweep the end of one point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from triality.algorithms.guarded import GuardedState, failing_rows, failure, refuse_failing
from triality.cli.config import as_config
from triality.cli.sweep_options import Point
from triality.errors import NonFiniteError, StorageError
from triality.runs.failure import WORDS, write_failure
from triality.runs.folder import RunFolder
from triality.runs.json_files import read_json
from triality.runs.keeper import Keeper
from triality.runs.point_log import copy_log

FAILED = "failed"
"""The part of a sweep's checkpoint that says which of its points have failed, and after how many steps."""


@runtime_checkable
class Failing(Protocol):
    """Looks at the states after every chunk."""

    @property
    def failed(self) -> Mapping[str, str]:
        """What went wrong, by the name of the point."""
        ...

    @property
    def parts(self) -> Mapping[str, Any]:
        """What it needs of a checkpoint to go on."""
        ...

    def look(self, state: GuardedState, where: str, before: int, done: int) -> None:
        """At all states, after steps ``before + 1`` to ``done``, which are called ``where``; may raise."""
        ...


class EndsTheRun:
    """Nothing fails but all of it.

    Args:
        remedy: the end of the error.
    """

    def __init__(self, remedy: str):
        self.remedy = remedy

    @property
    def failed(self) -> Mapping[str, str]:
        return {}

    @property
    def parts(self) -> Mapping[str, Any]:
        return {}

    def look(self, state: GuardedState, where: str, before: int, done: int) -> None:
        """Raises ``NonFiniteError`` where a row failed again and again."""
        del before, done
        refuse_failing(state, where, self.remedy)


class EndsThePoint:
    """A point ends as a run of its own would, and the others go on; where none is left it is the end of the sweep.

    The rows of an ended point are computed as before, since they are part of the program, and looked at no more.

    Args:
        keeper: of the sweep; one that resumes has kept which points had ended.
        points: of the sweep; the folder of one that ends is made at that moment.
        num_seeds: rows of each point, those of one point side by side.
        command: whose runs the points are.
        remedy: the end of the error.
        say: tells the user a sentence.
    """

    def __init__(self, keeper: Keeper, points: Sequence[Point], num_seeds: int, command: str, remedy: str, say: Callable[[str], None]):
        self.keeper, self.points, self.num_seeds, self.command = keeper, points, num_seeds, command
        self.remedy, self.say = remedy, say
        self._after = np.zeros(len(points), np.int64)
        if keeper.resumes:
            self._after = np.asarray(keeper.restored(FAILED, self._after))
        ended = (points[int(index)] for index in np.flatnonzero(self._after))
        self._failed = {point.name: _words(point) for point in ended}

    @property
    def failed(self) -> Mapping[str, str]:
        return self._failed

    @property
    def parts(self) -> Mapping[str, Any]:
        return {FAILED: self._after.copy()}

    def look(self, state: GuardedState, where: str, before: int, done: int) -> None:
        """Raises ``NonFiniteError`` where no point is left."""
        error: NonFiniteError | None = None
        for row in failing_rows(state):
            index = row // self.num_seeds
            if self.points[index].name in self._failed:
                continue
            error = failure(state, row, where, self.remedy)
            self._after[index] = done
            self._end(self.points[index], error, before)
        if error is not None and len(self._failed) == len(self.points):
            raise error

    def _end(self, point: Point, error: NonFiniteError, before: int) -> None:
        self._failed[point.name] = str(error)
        config = as_config(point.options)
        folder = RunFolder.create(point.options.out, overwrite=True)
        folder.write_config(self.command, config)
        write_failure(folder.path, error, before, config)
        copy_log(self.keeper.folder, point.name, folder)
        self.say(f"{point.name} has failed, the other points go on: {error}")


def _words(point: Point) -> str:
    try:
        return str(read_json(point.options.out / WORDS)["error"])
    except (StorageError, KeyError):
        return "NaN or infinity again and again"

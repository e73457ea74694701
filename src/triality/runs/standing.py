"""Where a run stands, told from its folder alone: finished, running or interrupted, how far, and how long it has taken. Imports no jax."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from triality.errors import StorageError
from triality.runs import lock
from triality.runs.json_files import read_json
from triality.runs.sweep_folder import RESULT, SUFFIX

State = Literal["finished", "running", "interrupted"]

WITHOUT_SECOND_STAGE = ("mle", "scheduled-sampling", "reward-augmented")
WITH_THIRD_STAGE = ("mixer", "actor-critic")
"""Objectives of densities and sequences: the generator's stage alone, and two more that are as long as one another."""


class Standing(NamedTuple):
    """Where a run stands.

    Fields:
        state: finished, once there is a result; running, while a process holds the folder; interrupted otherwise.
        holder: what is known of the process that writes to it: ``pid``, ``host``, ``since``; empty where nobody does.
        done: iterations done.
        planned: iterations to be done; None where the configuration does not say.
        whose: whose iterations both count: "" of one seed, "of each seed" where they keep step, otherwise "of all seeds together".
        seconds: spent on what was logged.
        seconds_left: of the planned iterations, at the pace of those that were logged; None where nothing tells.
        written: when the configuration or the log was last written, in seconds since the epoch.
        failure: why the run stopped by itself, in its own words, where it left them.
    """

    state: State
    holder: Mapping[str, Any]
    done: int
    planned: int | None
    whose: str
    seconds: float
    seconds_left: float | None
    written: float
    failure: str = ""

    @property
    def progress(self) -> str:
        """How many iterations of how many.

        Example:
            >>> Standing("running", {}, 1200, 4000, "", 9.0, 21.0, 0.0).progress
            '1,200 of 4,000'
        """
        return f"{self.done:,}" if self.planned is None else f"{self.done:,} of {self.planned:,}"


def standing_of(folder: Path, command: str, config: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Standing:
    """Where the run in ``folder`` stands.

    Args:
        folder: of the run.
        command: that made it.
        config: its configuration.
        records: of ``metrics.jsonl``, oldest first.
    """
    holder = lock.holder(folder)
    is_over = any((folder / name).exists() for name in ("summary.json", RESULT))
    state: State = "finished" if is_over else "interrupted" if holder is None else "running"
    planned, course = planned_iterations(command, config), _course(records)
    done, seconds = course[-1] if course else (0, 0.0)
    left = _seconds_left(course, _num_first(records), planned)
    divisor, whose = _counted(records, num_rows(config))
    return Standing(
        state, holder or {}, done // divisor, planned and planned // divisor, whose, seconds, left, _written(folder), _failure(folder)
    )


def planned_iterations(command: str, config: Mapping[str, Any]) -> int | None:
    """Iterations that all seeds together have to do, as ``metrics.jsonl`` counts them; None where the configuration does not say.

    Example:
        >>> planned_iterations("irl", {"iterations": 100, "seeds": 3})
        300
        >>> planned_iterations("ebm", {"objective": "mle", "generator_steps": 400, "energy_steps": 400, "seeds": 1})
        400
    """
    objective, rows = config.get("objective"), num_rows(config)
    stages: list[Any] = [config.get("iterations")]
    if command.removesuffix(SUFFIX) in ("ebm", "seq"):
        after = 0 if objective in WITHOUT_SECOND_STAGE else 2 if objective in WITH_THIRD_STAGE else 1
        stages = [config.get("generator_steps"), *after * [config.get("energy_steps")]]
    if not all(isinstance(count, int) and count >= 0 for count in (*stages, rows)):
        return None
    return sum(stages) * rows


def num_rows(config: Mapping[str, Any]) -> Any:
    """Seeds of a run, of all points together where it is a sweep.

    Example:
        >>> num_rows({"seeds": 3}), num_rows({"seeds": 3, "sweep": {"temperature": [0.5, 1.0], "max_kl": [0.01, 0.02]}})
        (3, 12)
    """
    seeds, swept = config.get("seeds", 1), config.get("sweep")
    if not isinstance(swept, Mapping) or not isinstance(seeds, int):
        return seeds
    return math.prod((len(values) for values in swept.values() if isinstance(values, list)), start=seeds)


def _row(record: Mapping[str, Any]) -> str:
    """What tells records of one seed of one point from the others, whatever stands in a log."""
    return repr((record.get("point"), record.get("seed")))


def _course(records: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Iterations of all seeds and seconds spent, after every record. The clock of the log begins anew with some runs' every seed."""
    reached: dict[str, int] = {}
    course, spent, before = [], 0.0, 0.0
    for record in records:
        iteration, clock = record.get("iteration"), record.get("seconds")
        if isinstance(iteration, int):
            reached[_row(record)] = max(iteration, reached.get(_row(record), 0))
        if isinstance(clock, int | float):
            spent += clock - before if clock >= before else clock
            before = clock
        course.append((sum(reached.values()), spent))
    return course


def _counted(records: Sequence[Mapping[str, Any]], rows: Any) -> tuple[int, str]:
    """By what the iterations of all seeds are divided, and what the quotient counts."""
    if not isinstance(rows, int) or rows <= 1:
        return 1, ""
    last = {_row(record): repr(record.get("iteration")) for record in records}
    keep_step = len(last) == rows and len(set(last.values())) == 1
    return (rows, "of each seed") if keep_step else (1, "of all seeds together")


def _num_first(records: Sequence[Mapping[str, Any]]) -> int:
    """How many records are of the first moment: one a seed, where the seeds are of one program."""
    rows: list[str] = []
    for record in records:
        if _row(record) in rows:
            break
        rows.append(_row(record))
    return len(rows)


def _seconds_left(course: Sequence[tuple[int, float]], num_first: int, planned: int | None) -> float | None:
    if planned is None or len(course) <= num_first:
        return None
    # The first moment is left out, since programs were compiled before it.
    (done_first, spent_first), (done, spent) = course[num_first - 1], course[-1]
    if done <= done_first or spent <= spent_first:
        return None
    return max(planned - done, 0) * (spent - spent_first) / (done - done_first)


def _written(folder: Path) -> float:
    times = [0.0]
    for name in ("config.json", "metrics.jsonl"):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def _failure(folder: Path) -> str:
    try:
        return str(read_json(folder / "failed.json").get("error", ""))
    except StorageError:
        return ""

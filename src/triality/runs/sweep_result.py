"""``sweep.json``: what came of every point of a sweep, read from the summaries of its runs. Imports no jax."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality import __version__
from triality.runs.folder import RunFolder
from triality.runs.json_files import write_json
from triality.runs.report.curves import bootstrap_interval
from triality.runs.sweep_folder import RESULT, SUFFIX


class Measure(NamedTuple):
    """What points are compared by.

    Fields:
        field: of the summary.
        name: in words, with the unit.
        is_higher_better: whether more of it is better.
    """

    field: str
    name: str
    is_higher_better: bool


MEASURES = {
    "irl": (Measure("return_normalized", "normalized return, mean action", True), Measure("return_mean", "return, mean action", True)),
    "ebm": (Measure("test_log_likelihood", "test log likelihood (nats a sample)", True),),
    "seq": (Measure("nll_test", "negative log likelihood of test sequences (nats a sequence)", False),),
}
"""By command; of several the first that every point has a number for."""


class PointResult(NamedTuple):
    """What came of a point.

    Fields:
        folder: its name below that of the sweep.
        values: of what is swept.
        summary: of its run; None where it failed.
        failed: why, in words; empty where it did not.
    """

    folder: str
    values: Mapping[str, float]
    summary: Mapping[str, Any] | None
    failed: str


def write_result(
    folder: RunFolder, command: str, config: Mapping[str, Any], points: Sequence[PointResult], seconds: float
) -> dict[str, Any]:
    """Write ``sweep.json``, and return what it holds.

    Raises:
        StorageError: it cannot be written.
    """
    record = result_of(command, config, points, seconds)
    write_json(folder.path / RESULT, record)
    return record


def result_of(command: str, config: Mapping[str, Any], points: Sequence[PointResult], seconds: float) -> dict[str, Any]:
    """What ``sweep.json`` holds.

    Example:
        >>> summaries = [{"iqm": {"nll_test": value}, "seeds": [{"nll_test": value}]} for value in (3.0, 2.0)]
        >>> points = [PointResult(f"rate={i}", {"rate": i}, summary, "") for i, summary in enumerate(summaries)]
        >>> result_of("seq", {}, points, 1.0)["best"]
        'rate=1'
    """
    measure = _measure(command, points)
    rows = [_row(each, measure) for each in points]
    best = _best(rows, measure)
    return {
        "triality": __version__,
        "command": f"{command}{SUFFIX}",
        "config": dict(config),
        "measure": {"field": measure.field, "name": measure.name, "better": "higher" if measure.is_higher_better else "lower"},
        "points": rows,
        "best": None if best is None else best["folder"],
        "not_told_apart": [] if best is None else [row["folder"] for row in rows if row is not best and _overlap(row, best)],
        "seconds": seconds,
    }


def _measure(command: str, points: Sequence[PointResult]) -> Measure:
    there = [each.summary for each in points if each.summary is not None]
    for measure in MEASURES[command]:
        if there and all(_is_finite(summary["iqm"].get(measure.field)) for summary in there):
            return measure
    return MEASURES[command][0]


def _row(point: PointResult, measure: Measure) -> dict[str, Any]:
    overall, seeds = (None, []) if point.summary is None else (point.summary["iqm"], point.summary["seeds"])
    values = [seed.get(measure.field) for seed in seeds]
    interval = bootstrap_interval(np.array([value for value in values if _is_finite(value)], float))
    return {
        "folder": point.folder,
        "values": dict(point.values),
        "value": None if overall is None else overall.get(measure.field),
        "interval": None if interval is None else list(interval),
        "seeds": values,
        "failed": point.failed or None,
    }


def _best(rows: Sequence[dict[str, Any]], measure: Measure) -> dict[str, Any] | None:
    known = [row for row in rows if _is_finite(row["value"])]
    sign = 1.0 if measure.is_higher_better else -1.0
    return max(known, key=lambda row: sign * row["value"], default=None)


def _overlap(row: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """Whether the intervals of the two meet; of points without intervals nothing is said."""
    if row["interval"] is None or best["interval"] is None:
        return False
    return row["interval"][0] <= best["interval"][1] and best["interval"][0] <= row["interval"][1]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_written(folder: Path) -> bool:
    """Whether the sweep in ``folder`` has come to its end."""
    return (folder / RESULT).is_file()

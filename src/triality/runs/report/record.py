"""What the report knows: a run folder read with patience, since a report is wanted most when a run went wrong or has not ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from triality.data.reference_returns import ReturnScale
from triality.errors import StorageError, TrialityError
from triality.runs.archive import ArchiveError, read_arrays
from triality.runs.folder import RunFolder
from triality.runs.json_files import read_json
from triality.runs.readable_log import ReadableLog, read_readable
from triality.runs.report.curves import Curves
from triality.runs.report.method import Method, method_of
from triality.runs.standing import Standing, standing_of

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run as far as it can be read.

    Args:
        path: the run folder, as it was given.
        version: of triality, that made the run.
        command: which command made it.
        config: its configuration.
        summary: content of ``summary.json``; None while there is none.
        curves: content of ``metrics.jsonl``.
        arrays: content of ``figures.npz``, by name.
        problems: what could not be read, in words; parts of the report are missing because of it.
        standing: how far it has come.
    """

    path: Path
    version: str
    command: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any] | None
    curves: Curves
    arrays: Mapping[str, np.ndarray]
    problems: tuple[str, ...]
    standing: Standing

    @property
    def method(self) -> Method:
        """What kind of run it is."""
        return method_of(self.command, self.config)

    @property
    def options(self) -> dict[str, Any]:
        """The configuration without the options that its method does not use."""
        return {name: value for name, value in self.config.items() if name not in self.method.unused}

    @property
    def seeds(self) -> list[dict[str, Any]]:
        """The summary's objects, one a seed; empty while there is no summary."""
        given = self.summary.get("seeds") if self.summary else None
        return [seed for seed in given if isinstance(seed, dict)] if isinstance(given, list) else []

    def seeds_of(self, name: str) -> Float[np.ndarray, " s"]:
        """A number of every seed in the summary, NaN where it is not known."""
        return np.array([_number(seed.get(name)) for seed in self.seeds], dtype=float)

    def overall(self, name: str) -> float:
        """The summary's interquartile mean of a number over the seeds, NaN where it is not known."""
        block = self.summary.get("iqm") if self.summary else None
        return _number(block.get(name)) if isinstance(block, dict) else math.nan

    def total(self, name: str) -> float:
        """A number at the top of the summary, NaN where it is not known or means nothing for the method."""
        return _number(self.summary.get(name)) if self.summary and name not in self.method.unused else math.nan

    @property
    def scale(self) -> ReturnScale:
        """What its returns are held against."""
        random, expert = (None if math.isnan(value) else value for value in map(self.overall, ("random_return", "expert_return")))
        return ReturnScale(random, expert)

    @property
    def sampled_normalized(self) -> float:
        """Normalized return of sampled actions, NaN where it is not known."""
        return _number(self.scale.normalized(self.overall("return_sampled")))

    def extra(self, name: str) -> Any:
        """A field that is not among the frozen ones: at the top of the summary or inside ``iqm``; None if in neither."""
        summary = self.summary or {}
        block = summary.get("iqm")
        return summary.get(name, block.get(name) if isinstance(block, dict) else None)

    @property
    def baselines(self) -> dict[str, tuple[float, float]]:
        """(return, normalized return) of what the run is compared with, by name."""
        rows = self.extra("baselines")
        rows = rows if isinstance(rows, dict) else {}
        return {
            str(name): (_number(row.get("return_mean")), _number(row.get("return_normalized")))
            for name, row in rows.items()
            if isinstance(row, dict)
        }

    @property
    def published(self) -> tuple[tuple[str, float], ...]:
        """(name, normalized return) of published results; one object or a list of them in the summary."""
        given = self.extra("published")
        rows = given if isinstance(given, list) else [given]
        pairs = [(str(row.get("name", "published")), _number(row.get("value_normalized"))) for row in rows if isinstance(row, dict)]
        return tuple(pair for pair in pairs if math.isfinite(pair[1]))

    @property
    def estimates(self) -> dict[str, tuple[float, float]]:
        """(value, standard error) of log Z by estimator, in nats."""
        given = self.summary.get("log_z_estimates") if self.summary else None
        given = given if isinstance(given, dict) else {}
        entries = {str(name): entry for name, entry in given.items() if isinstance(entry, dict)}
        return {name: (_number(entry.get("value")), _number(entry.get("stderr"))) for name, entry in entries.items()}

    @property
    def alarm(self) -> str | None:
        """The verdict in words, None where there is none."""
        given = self.summary.get("alarm") if self.summary else None
        given = given.get("verdict") if isinstance(given, dict) else given
        return given if isinstance(given, str) and given else None


def read_record(folder: Path) -> RunRecord:
    """Everything in the run folder that can be read; what cannot is listed in ``problems``.

    Raises:
        ConfigError: the folder is no run.
        StorageError: its ``config.json`` is damaged.
    """
    run = RunFolder.open(folder)
    config = run.read_config()
    problems: list[str] = []
    summary = _attempt(run.read_summary, None, problems) if run.summary_path.exists() else None
    if problems:  # fields that a later version added, or that are missing: what is there can still be shown
        summary = _attempt(lambda: read_json(run.summary_path), None, [])
    log = _attempt(lambda: read_readable(run.metrics.path), ReadableLog([], ""), problems)
    problems += [log.problem] if log.problem else []
    figures = run.path / "figures.npz"
    arrays = _attempt(lambda: _read_arrays(figures), {}, problems) if figures.exists() else {}
    standing = standing_of(run.path, config["command"], config["config"], log.records)
    curves = Curves.from_records(log.records)
    return RunRecord(folder, config["triality"], config["command"], config["config"], summary, curves, arrays, tuple(problems), standing)


def _attempt(read: Callable[[], T], otherwise: T, problems: list[str]) -> T:
    try:
        return read()
    except TrialityError as error:
        problems.append(str(error))
        return otherwise


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_arrays(path)
    except ArchiveError as error:
        raise StorageError(f"{path}: {error}") from error


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan

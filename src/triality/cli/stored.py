"""A finished run, read back: its options, its task, and the states in its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from triality.cli.irl import task_of
from triality.cli.irl_defaults import resolve
from triality.cli.keeping_options import without_keeping
from triality.cli.names import COSTLESS, METHODS, Task
from triality.cli.options import IrlOptions
from triality.data.reference_returns import RANDOM_RETURNS, ReturnScale
from triality.errors import ConfigError, StorageError
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.resumption import refuse_foreign

PATHS = ("demos", "out", "expert")
"""Options that are paths, and text in the record."""
IDENTITY = ("env", "algorithm", "level", "seed", "seeds")
"""Options by which a state that an earlier version left is still told from another run's."""


class StoredRun(NamedTuple):
    """What ``eval`` and ``retrain`` start from.

    Fields:
        folder: the run folder.
        options: as the run had them, resolved.
        summary: as the run wrote it; None where it was stopped, killed or failed, and left a checkpoint all the same.
        task: the environment.
    """

    folder: RunFolder
    options: IrlOptions
    summary: dict[str, Any] | None
    task: Task

    @property
    def scale(self) -> ReturnScale:
        """What returns are held against; of an unfinished run no more than is kept of random actions."""
        if self.summary is not None:
            return ReturnScale(self.summary["iqm"]["random_return"], self.summary["iqm"]["expert_return"])
        kept = RANDOM_RETURNS.get(self.task.bare.name)
        return ReturnScale(None if kept is None else kept.mean, None)

    @property
    def seed_records(self) -> list[dict[str, Any]]:
        """What each seed came to; none of an unfinished run."""
        return [] if self.summary is None else self.summary["seeds"]


def open_run(path: Path) -> StoredRun:
    """A ``triality irl`` run that is finished, or that left a checkpoint when it was stopped, was killed or failed.

    Raises:
        ConfigError, StorageError: no run folder, another command's, or one that left nothing.
    """
    folder = RunFolder.open(path)
    record = folder.read_config()
    if record.get("command") != "irl":
        raise StorageError(f"{path}: expected a run of triality irl, got one of '{record.get('command')}'; name another folder")
    try:
        config = without_keeping(record["config"])
        paths = {name: Path(value) for name, value in config.items() if name in PATHS and value is not None}
        options = IrlOptions(**{**config, **paths})
    except (KeyError, TypeError) as error:
        raise StorageError(f"{folder.config_path}: expected the options of triality irl, got {error}; run it again") from error
    # Not checked again: what the command refuses today, an earlier one may have run.
    task = task_of(options)
    unfinished = not folder.summary_path.exists() and (folder.state_path.is_file() or bool(CheckpointSeries(path).paths()))
    return StoredRun(folder, resolve(options, task), None if unfinished else folder.read_summary(), task)


def open_run_with_cost(path: Path) -> StoredRun:
    """The same, of a run that learned a cost.

    Raises:
        ConfigError, StorageError: as ``open_run``; a method that learns none.
    """
    stored = open_run(path)
    if stored.options.algorithm in COSTLESS:
        method = METHODS[stored.options.algorithm]
        raise ConfigError(f"expected a run that learned a cost, got {method} in {path}; use gan-gcl, guided-cost, airl or f-irl")
    return stored


def learned_in(run: StoredRun) -> Path:
    """The file that what the run learned is read from.

    Raises:
        StorageError: there is none.
    """
    series = CheckpointSeries(run.folder.path)
    paths = [run.folder.state_path] if run.folder.state_path.is_file() else series.paths()
    if not paths:
        raise StorageError(f"{run.folder.path}: expected a checkpoint, got none; resume the run, or run it again")
    return paths[0]


def load_states(run: StoredRun) -> tuple[Any, Any]:
    """The algorithm, and the stacked states of all seeds."""
    from triality.cli.experiment import build_algorithm, state_template
    from triality.cli.training import STATES
    from triality.runs.checkpoint import restored
    from triality.runs.checkpoint_file import read_leaves

    algorithm = build_algorithm(run.options, run.task)
    template = state_template(algorithm, run.task, run.options)
    if run.folder.state_path.is_file():
        stored = read_leaves(run.folder.state_path)
        refuse_foreign(stored.config, run.folder, run.folder.state_path, IDENTITY)
        return algorithm, restored(stored, template, str(run.folder.state_path))
    series = CheckpointSeries(run.folder.path)
    found = series.newest_readable()
    if found is None:
        raise StorageError(f"{run.folder.path}: expected a checkpoint that can be read, got none; resume the run, or run it again")
    refuse_foreign(found.config, run.folder, series.folder, IDENTITY)
    return algorithm, restored(found, template, str(series.folder), f"['{STATES}'].state")

"""A finished run, read back: its options, its task, and the states in its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from triality.cli.irl import resolve, task_of
from triality.cli.names import Task
from triality.cli.options import IrlOptions
from triality.errors import StorageError
from triality.runs.folder import RunFolder

PATHS = ("demos", "out", "expert")
"""Options that are paths, and text in the record."""


class StoredRun(NamedTuple):
    """What ``eval`` and ``retrain`` start from.

    Fields:
        folder: the run folder.
        options: as the run had them, resolved.
        summary: as the run wrote it.
        task: the environment.
    """

    folder: RunFolder
    options: IrlOptions
    summary: dict[str, Any]
    task: Task


def open_run(path: Path) -> StoredRun:
    """A finished ``triality irl`` run.

    Raises:
        ConfigError, StorageError: no run folder, another command's, or one that is not finished.
    """
    folder = RunFolder.open(path)
    record = folder.read_config()
    if record.get("command") != "irl":
        raise StorageError(f"{path}: expected a run of triality irl, got one of '{record.get('command')}'; name another folder")
    try:
        paths = {name: Path(value) for name, value in record["config"].items() if name in PATHS and value is not None}
        options = IrlOptions(**{**record["config"], **paths})
    except (KeyError, TypeError) as error:
        raise StorageError(f"{folder.config_path}: expected the options of triality irl, got {error}; run it again") from error
    # Not checked again: what the command refuses today, an earlier one may have run.
    task = task_of(options)
    return StoredRun(folder, resolve(options, task), folder.read_summary(), task)


def load_states(run: StoredRun) -> tuple[Any, Any]:
    """The algorithm, and the stacked states of all seeds."""
    from triality.cli.experiment import build_algorithm, state_template
    from triality.runs.checkpoint import read_checkpoint

    algorithm = build_algorithm(run.options, run.task)
    return algorithm, read_checkpoint(run.folder.state_path, state_template(algorithm, run.task, run.options))

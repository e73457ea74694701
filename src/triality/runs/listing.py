"""Every run below a folder, each told from its own files: one that is damaged costs its line and no other. Imports no jax."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from triality.errors import ConfigError, StorageError
from triality.runs.folder import CONFIG, RunFolder
from triality.runs.headline import headline_of, headline_of_sweep, subject_of
from triality.runs.json_files import read_json
from triality.runs.readable_log import read_readable
from triality.runs.standing import Standing, standing_of
from triality.runs.sweep_folder import RESULT, is_sweep

OF_A_RUN = ("metrics.jsonl", "state.ckpt", "checkpoints")
"""Names that only a run leaves: beside one of them a missing or damaged ``config.json`` is damage and nobody else's file."""


class FoundRun(NamedTuple):
    """A run as a list shows it.

    Fields:
        path: its folder.
        command, config: what made it.
        standing: how far it is.
        headline: its one number, with its name; empty where there is none.
        records: of its log, oldest first.
        problems: what of it cannot be read.
    """

    path: Path
    command: str
    config: Mapping[str, Any]
    standing: Standing
    headline: str
    records: list[dict[str, Any]]
    problems: tuple[str, ...]

    @property
    def subject(self) -> str:
        """What it is on, and by what."""
        return subject_of(self.config)


class Damaged(NamedTuple):
    """A folder that is a run's and cannot be read as one, and the reason."""

    path: Path
    reason: str


def find_runs(root: Path) -> list[FoundRun | Damaged]:
    """All runs in ``root`` and below, the one that was written last first, then what is damaged. Hidden folders are left out.

    Raises:
        ConfigError: there is no such folder.
    """
    if not root.is_dir():
        raise ConfigError(f"{root}: expected a folder with runs below it, got {'a file' if root.exists() else 'nothing there'}")
    found = list(_found(root))
    runs = sorted((each for each in found if isinstance(each, FoundRun)), key=lambda run: -run.standing.written)
    return [*runs, *sorted(each for each in found if isinstance(each, Damaged))]


def read_run(folder: Path) -> FoundRun:
    """What can be said of the run in ``folder``.

    Raises:
        ConfigError: it is no run.
        StorageError: its ``config.json`` is damaged, or nothing of it may be read.
    """
    record = RunFolder.open(folder).read_config()
    command, config = record["command"], record["config"]
    problems = []
    log = read_readable(folder / "metrics.jsonl")
    problems += [log.problem] if log.problem else []
    summary = None
    if (folder / "summary.json").exists():
        try:
            summary = read_json(folder / "summary.json")
        except StorageError as error:
            problems.append(str(error))
    if is_sweep(command) and (folder / RESULT).exists():
        try:
            headline = headline_of_sweep(read_json(folder / RESULT))
        except StorageError as error:
            headline, problems = "", [*problems, str(error)]
    else:
        headline = headline_of(command, summary, log.records)
    return FoundRun(folder, command, config, standing_of(folder, command, config, log.records), headline, log.records, tuple(problems))


def size_of(folder: Path) -> int:
    """Bytes of all files in ``folder`` and below, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # gone meanwhile: the run goes on
                continue
    return total


def _found(root: Path) -> Iterator[FoundRun | Damaged]:
    refused: list[Damaged] = []
    for place, folders, files in os.walk(root, onerror=lambda error: refused.append(_refused(error))):
        found = _look(Path(place), {*folders, *files})
        if found is not None:
            yield found
        # What stands inside a run is that run's; in a sweep there are its points.
        is_whole = found is not None and not (isinstance(found, FoundRun) and is_sweep(found.command))
        folders[:] = [] if is_whole else sorted(name for name in folders if not name.startswith("."))
    yield from refused


def _look(folder: Path, names: set[str]) -> FoundRun | Damaged | None:
    is_marked = any(name in names for name in OF_A_RUN)
    if CONFIG not in names:
        return Damaged(folder, f"expected {CONFIG}, got none; restore it, or remove the folder") if is_marked else None
    try:
        return read_run(folder)
    except (ConfigError, StorageError) as error:
        return Damaged(folder, str(error)) if is_marked else None


def _refused(error: OSError) -> Damaged:
    return Damaged(Path(str(error.filename)), f"expected a folder that can be read, got '{error.strerror}'; check its mode")

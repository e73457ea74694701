"""Where a run begins: in an empty folder, or as the newest checkpoint left it that can be trusted and belongs there.

Nothing of a run that is there is touched here: whoever goes on does so with its first deed (``Keeper``), and can be refused until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from triality.errors import AlreadyOverError, NoValidCheckpointError, StorageError
from triality.runs.checkpoint_file import StoredCheckpoint
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.keeping import Keeping
from triality.runs.resumption import is_over, other_versions, refuse_foreign, refuse_other_run
from triality.runs.sweep_folder import PAGE, is_sweep

PLACE = "place"
"""The part of a checkpoint that says how far log and clock had come."""


def begun(
    path: Path, command: str, config: Mapping[str, Any], keeping: Keeping, say: Callable[[str], None]
) -> tuple[RunFolder, StoredCheckpoint | None]:
    """The folder, locked by who asks, and the checkpoint to go on from; None where the run begins.

    Raises:
        ConfigError, StorageError: as ``kept_run`` and ``RunFolder.create``.
    """
    series = CheckpointSeries(path, keeping.keep)
    series.clean()
    if not keeping.resume or not RunFolder(path).config_path.is_file():
        folder = RunFolder.create(path, keeping.overwrite)
        folder.write_config(command, config, keeping.inputs)
        return folder, None
    folder = RunFolder.open(path)
    moved = refuse_other_run(folder, command, config, keeping)
    if is_over(folder, config):
        page = PAGE if is_sweep(command) else folder.report_path.name
        raise AlreadyOverError(f"{path}: this run has come to its end; its report is {page}")
    found = series.newest(lambda stored: _misfit(folder, stored))
    if found is None:
        left = [file.name for file in (folder.metrics.path, folder.state_path) if file.is_file() and file.stat().st_size]
        if left:
            raise NoValidCheckpointError(
                f"{path}: expected checkpoints beside {' and '.join(left)}, got none; restore them from a copy, or begin anew with "
                "--overwrite"
            )
        say(f"no checkpoint in {path} yet: the run begins")
        return folder, None
    checkpoint, notes = found
    for note in (*notes, *moved):
        say(note)
    refuse_foreign(checkpoint.config, folder, series.folder)
    if note := other_versions(checkpoint.versions):
        say(note)
    return folder, checkpoint


def _misfit(folder: RunFolder, stored: StoredCheckpoint) -> str:
    """A power cut can leave less of the log than the checkpoint remembers; one before may still fit."""
    num_bytes = int(place_of(stored)["log_bytes"])
    if folder.metrics.is_whole(num_bytes):
        return ""
    return f"goes with {num_bytes:,} bytes of {folder.metrics.path.name}, which are not all there"


def path_of(part: str) -> str:
    """Of a part in the tree of a checkpoint."""
    return f"['{part}']"


def place_of(checkpoint: StoredCheckpoint) -> dict[str, Any]:
    """``seconds`` spent and ``log_bytes`` written when it was.

    Raises:
        StorageError: it is no checkpoint of a run.
    """
    found = {leaf.path: leaf.array for leaf in checkpoint.leaves}
    names = {name: f"{path_of(PLACE)}['{name}']" for name in ("seconds", "log_bytes")}
    missing = [name for name, path in names.items() if path not in found]
    if missing:
        raise StorageError(f"expected {', '.join(missing)} in a checkpoint of a run, got none; this file is of another kind")
    return {name: found[path] for name, path in names.items()}

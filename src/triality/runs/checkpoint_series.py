"""``checkpoints/`` of a run folder: the newest few checkpoints, numbered; what cannot be trusted is put aside, and said so.

    write:  number + 1, verified before it counts; then those older than the newest ``keep`` go
    read:   newest to oldest; a damaged one is renamed ``*.corrupt``, its reason written beside it (``*.why``)

A folder in which every checkpoint is damaged is an error, never a new beginning: whoever wants one says so.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from triality.errors import NoValidCheckpointError, StorageError
from triality.runs.atomic import TEMPORARY_PREFIX
from triality.runs.checkpoint_file import StoredCheckpoint, StoredLeaf, read_leaves, write_leaves

CHECKPOINTS = "checkpoints"
ENDING, CORRUPT, WHY = ".ckpt", ".corrupt", ".why"
DIGITS = 8


class CheckpointSeries:
    """The checkpoints of one run.

    Args:
        folder: of the run; ``checkpoints`` is made in it when the first one is written.
        keep: how many of the newest stay, at least one.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> series = CheckpointSeries(Path(tempfile.mkdtemp()), keep=2)
        >>> for step in (10, 20, 30):
        ...     _ = series.write([StoredLeaf(".x", np.arange(step))], step=step, config={})
        >>> [path.name for path in series.paths()], series.newest()[0].step
        (['00000003.ckpt', '00000002.ckpt'], 30)
    """

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = folder / CHECKPOINTS, keep

    def paths(self) -> list[Path]:
        """The files, newest first: by number, whatever the clock says."""
        return sorted((path for path in self._entries() if path.suffix == ENDING and path.stem.isdigit()), reverse=True, key=_number)

    def write(self, leaves: Sequence[StoredLeaf], *, step: int, config: Mapping[str, Any]) -> Path:
        """One more; the oldest go once it has been verified.

        Raises:
            StorageError: it cannot be written; those before it stay.
        """
        before = self.paths()
        highest = max((_number(path) for path in self._entries() if path.stem.isdigit()), default=0)
        path = self.folder / f"{highest + 1:0{DIGITS}d}{ENDING}"
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder}: expected to be able to make it, got '{error.strerror}'; free space") from error
        write_leaves(path, leaves, step=step, config=config)
        for old in before[max(self.keep, 1) - 1 :]:
            with contextlib.suppress(OSError):  # what cannot be removed now is removed the next time
                old.unlink()
        return path

    def newest(self, misfit: Callable[[StoredCheckpoint], str] = lambda stored: "") -> tuple[StoredCheckpoint, list[str]] | None:
        """The newest that can be trusted, and a sentence for each that could not; None where there is no checkpoint at all.

        Args:
            misfit: why a checkpoint that is sound cannot be gone on from, in words, else nothing; it stays where it is.

        Raises:
            NoValidCheckpointError: there are some, and none can be trusted.
        """
        notes, misfits = [], []
        for path in self.paths():
            try:
                stored = read_leaves(path)
            except StorageError as error:
                notes.append(f"{path.name} is damaged and was put aside as {_put_aside(path, str(error)).name}: {error}")
                continue
            if not (why := misfit(stored)):
                return stored, notes
            misfits.append(f"{path.name} {why}")
            notes.append(misfits[-1])
        if misfits:
            raise NoValidCheckpointError(
                f"{self.folder}: expected a checkpoint to go on from, got none ({'; '.join(misfits)}); restore the rest of the folder from "
                "a copy, or begin anew with --overwrite"
            )
        aside = sorted(path.name for path in self._entries() if path.suffix == CORRUPT)
        if notes or aside:
            raise NoValidCheckpointError(
                f"{self.folder}: expected a checkpoint that can be read, got none but damaged ones ({', '.join(aside)}); restore one of "
                "them from a copy, or begin anew with --overwrite"
            )
        return None

    def newest_readable(self) -> StoredCheckpoint | None:
        """The newest that can be trusted; nothing is put aside. For readers beside the run, which own nothing in it."""
        found = self.newest_sound()
        return None if found is None else found[1]

    def newest_sound(self) -> tuple[Path, StoredCheckpoint] | None:
        """The same with its file."""
        for path in self.paths():
            with contextlib.suppress(StorageError):
                return path, read_leaves(path)
        return None

    def clean(self) -> None:
        """Removes what a killed process left half written. For the holder of the run's lock alone."""
        for path in (*self._entries(), *self.folder.parent.glob(f"{TEMPORARY_PREFIX}*")):
            if path.name.startswith(TEMPORARY_PREFIX):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []


def is_of_series(path: Path) -> bool:
    """Whether ``path`` is named as a file that a series writes."""
    return path.name.startswith(TEMPORARY_PREFIX) or (path.suffix in (ENDING, CORRUPT, WHY) and path.stem.isdigit())


def _number(path: Path) -> int:
    return int(path.stem)


def _put_aside(path: Path, reason: str) -> Path:
    aside = path.with_suffix(CORRUPT)
    try:
        path.with_suffix(WHY).write_text(reason + "\n")
        os.replace(path, aside)
    except OSError:  # on a disk that cannot be written it stays where it is, and is skipped all the same
        return path
    return aside

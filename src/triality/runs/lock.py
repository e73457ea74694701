"""One process a run folder: an advisory lock that the kernel gives back whatever happens to its holder. Imports no jax.

``run.lock`` stays in the folder. What counts is the lock on it, never that it is there: a process that was killed holds nothing any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from triality.errors import RunLockedError, StorageError

try:
    import fcntl
except ImportError:  # Windows has none: there two runs in one folder are the user's to keep apart
    fcntl = None

LOCK = "run.lock"
MARK = ("pid", "host", "since")
"""What stands in it of its holder."""


class RunLock:
    """Holds ``run.lock`` of a folder, which is made with its parents, as long as the ``with`` block lasts.

    Raises:
        RunLockedError: another process holds it; names that process.
        StorageError: the folder or the file cannot be made.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with RunLock(folder):
        ...     holder(folder)["pid"] == os.getpid()
        True
        >>> holder(folder) is None
        True
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"{self.folder}: expected to be able to lock it, got '{error.strerror}'; choose another folder") from error
        if not _try_lock(self._descriptor):
            os.close(self._descriptor)
            raise locked(self.folder)
        mark = dict(zip(MARK, (os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S")), strict=True))
        with contextlib.suppress(OSError):  # a full disk does not make the lock worth less
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(mark).encode(), 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)


def holder(folder: Path) -> dict[str, Any] | None:
    """Who holds the lock of ``folder``: pid, host, and since when, as far as it is known; None where nobody does.

    Asking takes the lock for an instant where it is free, and leaves no trace where there is no ``run.lock``.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        if _try_lock(descriptor):
            return None
        try:
            mark = json.loads(os.pread(descriptor, 4096, 0))
        except ValueError:  # the holder has not said who it is yet
            mark = {}
        return mark if isinstance(mark, dict) else {}
    finally:
        os.close(descriptor)


def refuse_locked(folder: Path) -> None:
    """Raise where another process holds the folder: for the checks before anything is imported.

    Raises:
        RunLockedError: names that process.
    """
    if holder(folder) is not None:
        raise locked(folder)


def locked(folder: Path) -> RunLockedError:
    """The error that names who holds ``folder``."""
    mark = holder(folder) or {}
    who = f"process {mark.get('pid', 'unknown')} on {mark.get('host', 'an unknown host')} since {mark.get('since', 'an unknown time')}"
    return RunLockedError(f"{folder}: expected a folder that nobody writes to, got one of {who}; wait for it, or choose another folder")


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

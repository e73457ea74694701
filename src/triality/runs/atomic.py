"""Replace a file all at once: a reader, a crash or a full disk sees the old file or the new one, never something in between."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from triality.errors import StorageError

TEMPORARY_PREFIX = ".tmp-"


def replace_file(path: Path, write: Callable[[BinaryIO], None], verify: Callable[[Path], object] | None = None) -> None:
    """Write a new ``path`` beside the old one, force it to the disk, verify it, and only then put it in the old one's place.

    Order: write, flush, fsync(file), verify, rename, fsync(folder). The rename comes after the fsync, so that a power cut cannot
    leave the new name on missing data. The temporary file is removed whatever happens short of a kill; a killed one starts with
    ``.tmp-`` and is never taken for data.

    Args:
        path: the file to replace; its folder must exist.
        write: writes the content to an open binary file.
        verify: is given the temporary path, and raises if what can be read back is not what was written.

    Raises:
        StorageError: the operating system refused; the old file is untouched.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if verify is not None:
            verify(temporary)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{path}: expected to be able to write it, got '{reason}'; free space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder and say so: the rename is then as safe as they make it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

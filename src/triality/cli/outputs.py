"""Files that a command writes at its end, tried at its beginning. Imports no jax."""

from __future__ import annotations

import os
from pathlib import Path

from triality.errors import ConfigError
from triality.runs.folder import check_writable


def check_file(path: Path) -> None:
    """Raise unless a file can be written to ``path``, whose folder may be new; leaves no trace.

    Raises:
        ConfigError: ``path`` is a folder, or the operating system refuses.
    """
    if os.path.isdir(path):
        raise ConfigError(f"{path}: expected a file to write, got a folder; name a file in it with --out")
    # Where a folder of that name can be made, so can a file.
    check_writable(path.parent if os.path.lexists(path) else path)

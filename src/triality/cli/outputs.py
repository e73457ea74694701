"""Files that a command writes at its end, tried at its beginning. Imports no jax."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from triality.errors import ConfigError, StorageError
from triality.export.saved import encode
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


def check_export_folder(out: Path, names: Sequence[str], overwrite: bool, option: str = "--out") -> None:
    """Raise unless the exported ``names`` ("cost", "policy") can be written to the folder ``out``, which may be new; leaves no trace.

    Raises:
        ConfigError: the operating system refuses, safetensors is not installed, or there are such files without ``overwrite``.
    """
    check_writable(out, option)
    encode({})  # raises where safetensors is missing
    there = [file.name for name in names for file in (out / f"{name}.json", out / f"{name}.safetensors") if file.exists()]
    if there and not overwrite:
        raise ConfigError(f"{out}: expected a folder without {', '.join(there)}, got one with; add --overwrite or choose another {option}")


def make_folder(out: Path, option: str = "--out") -> None:
    """Make ``out`` and its parents where they are missing.

    Raises:
        StorageError: the operating system refuses.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out}: expected to be able to make it, got '{error.strerror}'; choose another {option}") from error

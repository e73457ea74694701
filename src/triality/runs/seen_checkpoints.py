"""The checkpoints of a run as a list shows them: by their names and manifests alone. Whether their arrays are whole is another question."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from triality.errors import StorageError
from triality.runs.checkpoint_file import MANIFEST
from triality.runs.json_files import parse_json

FOLDER, ENDING, CORRUPT, WHY = "checkpoints", ".ckpt", ".corrupt", ".why"
LARGEST_MANIFEST = 64 * 2**20
"""Bytes; a manifest of a million arrays."""


class SeenCheckpoint(NamedTuple):
    """A checkpoint file.

    Fields:
        name: its path in the run folder.
        step: at which it was written; None where it does not say.
        size: bytes.
        written: seconds since the epoch.
        note: why it was put aside, or cannot be looked into; empty otherwise.
    """

    name: str
    step: int | None
    size: int
    written: float
    note: str


def seen_checkpoints(folder: Path) -> list[SeenCheckpoint]:
    """Those of a run folder: the final one, the one that a failure left, then the series with the newest first, and what was put aside."""
    return [seen for path in paths_of(folder) if (seen := _seen(path, folder)) is not None]


def paths_of(folder: Path) -> list[Path]:
    """Where they stand, whether or not the first two are there."""
    paths = [folder / name for name in ("state.ckpt", "failed.ckpt")]
    series = folder / FOLDER
    inside = sorted(series.iterdir(), reverse=True) if series.is_dir() else []
    return paths + [path for path in inside if path.suffix == ENDING] + [path for path in inside if path.suffix == CORRUPT]


def manifest_of(path: Path) -> dict[str, Any]:
    """Of a checkpoint file, its hashes unchecked.

    Raises:
        StorageError: it is too large to be one.
        Exception: of one of a dozen classes, where there is none.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
            raise StorageError(f"{path}: expected a manifest of at most {LARGEST_MANIFEST:,} bytes, got more; this is no checkpoint")
        return parse_json(archive.read(MANIFEST))


def _seen(path: Path, folder: Path) -> SeenCheckpoint | None:
    try:
        status = path.stat()
    except OSError:  # there is none, or the run has just replaced it
        return None
    step, note = (None, _why(path)) if path.suffix == CORRUPT else _looked_into(path)
    return SeenCheckpoint(str(path.relative_to(folder)), step, status.st_size, status.st_mtime, note)


def _why(path: Path) -> str:
    try:
        return f"damaged, put aside: {path.with_suffix(WHY).read_text(encoding='utf-8').strip()}"
    except (OSError, UnicodeDecodeError):
        return "damaged, put aside"


def _looked_into(path: Path) -> tuple[int | None, str]:
    try:
        step = manifest_of(path)["step"]
    except StorageError:
        return None, "cannot be looked into: its manifest is too large"
    except Exception as error:  # damaged zips raise a dozen unrelated classes
        return None, f"cannot be looked into: {type(error).__name__}"
    return (step, "") if isinstance(step, int) else (None, "cannot be looked into: it names no step")

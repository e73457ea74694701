"""What a file says it will unfold to, against what is believed: checked before anything is decompressed. Imports no jax."""

from __future__ import annotations

from pathlib import Path

from triality.errors import DataError

MOST_BYTES = 8 * 2**30
MOST_RATIO, RATIO_FROM_BYTES = 200, 32 * 2**20
"""Largest ratio of what is declared to the size of the file, from that many declared bytes on: small files may compress as they like."""


def refuse_bombs(path: Path, what: str, declared: int) -> None:
    """Raise where the numbers of ``what`` are more than memory should hold, or than a file of that size can honestly hold.

    Args:
        path: the file; messages begin with it.
        what: the array or the part, for people.
        declared: bytes once everything that is read is unpacked.

    Raises:
        DataError: too many.
    """
    size = path.stat().st_size
    if declared > MOST_BYTES or (declared > RATIO_FROM_BYTES and declared > MOST_RATIO * size):
        raise DataError(
            f"{path}: {what}: expected at most {MOST_BYTES >> 30} GiB, and {MOST_RATIO} times the size of the file, "
            f"got {declared} bytes declared; split the file, or save it with less compression"
        )

"""Lines of text files of strangers, none of them longer than memory should hold. Imports no jax."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from triality.errors import DataError

MOST_CHARACTERS = 2**22
"""Of a line: a few hundred thousand columns."""


def short_lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines that are left in ``file``, with their ends.

    Raises:
        DataError: a line that no table has; a file of nothing but zeros is one such line.
    """
    while line := file.readline(MOST_CHARACTERS):
        if len(line) == MOST_CHARACTERS:
            raise DataError(f"{path}: expected lines of less than {MOST_CHARACTERS:,} characters, got a longer one; check the file")
        yield line

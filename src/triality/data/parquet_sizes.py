"""How much a Parquet file unfolds to, by its own headers, read before pyarrow unpacks anything. Imports no jax.

The directory at the end of the file gives sizes, and can give any: pyarrow unpacks a page to the size in the page's own header, so that
those are read too. And a constant column takes a few bytes for any number of rows, so that rows count as the numbers they become.
pyarrow could be asked for its reading of the directory, but a damaged one of some kinds ends the process there.

Reference: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from triality.data.declared_sizes import refuse_bombs
from triality.data.thrift import Thrift
from triality.errors import DataError

MAGIC = b"PAR1"
MOST_DIRECTORY, MOST_PAGE_HEADER = 64 * 2**20, 2**16
WIDTHS = {0: 1, 1: 4, 4: 4}
"""Bytes of a truth value, of an int32 and of a float32 by Parquet's number of the type; all others count eight."""
# Numbers of the fields that are used, by the struct that they stand in.
FILE_ROWS, FILE_GROUPS = 3, 4
GROUP_COLUMNS, GROUP_ROWS = 1, 3
COLUMN_ELSEWHERE, COLUMN_DATA = 1, 3
DATA_TYPE, DATA_PATH, DATA_VALUES, DATA_UNPACKED, DATA_PACKED, DATA_PAGES, DATA_DICTIONARY = 1, 3, 5, 6, 7, 9, 11
PAGE_UNPACKED, PAGE_PACKED = 2, 3


def refuse_parquet_bombs(path: Path, chosen: Collection[str]) -> None:
    """Raise where the chosen columns unfold to more than can be believed.

    Raises:
        DataError: too much, or columns that lie in other files.
        ValueError: damaged headers.
    """
    declared = 0
    with open(path, "rb") as file:
        for group in _listed(_directory(path, file), FILE_GROUPS):
            for column in _listed(group, GROUP_COLUMNS):
                if column.get(COLUMN_ELSEWHERE):
                    raise DataError(f"{path}: expected all columns in this file, got a reference to another; write it as one file")
                data = column.get(COLUMN_DATA)
                if not isinstance(data, dict):
                    raise ValueError("a column without a description")
                name = b".".join(data.get(DATA_PATH, [])).decode("utf-8")
                if any(f"{name}.".startswith(f"{each}.") for each in chosen):
                    declared += _declared(data, _count(group, GROUP_ROWS))
                    refuse_bombs(path, name, declared)
                    declared += _beyond(file, data)
                    refuse_bombs(path, name, declared)


def _directory(path: Path, file: BinaryIO) -> dict[int, Any]:
    size = path.stat().st_size
    file.seek(max(0, size - 8))
    end = file.read()
    length = int.from_bytes(end[:4], "little")
    if len(end) < 8 or end[4:] != MAGIC or length > size - 8:
        raise ValueError("no directory at the end")
    if length > MOST_DIRECTORY:
        raise DataError(
            f"{path}: expected a directory of at most {MOST_DIRECTORY >> 20} MiB, got {length} bytes; write fewer columns a file"
        )
    file.seek(-8 - length, os.SEEK_END)
    return Thrift(file.read(length)).struct()


def _declared(data: dict[int, Any], rows: int) -> int:
    numbers = max(rows, _count(data, DATA_VALUES)) * WIDTHS.get(data.get(DATA_TYPE, -1), 8)
    return max(numbers, _count(data, DATA_UNPACKED))


def _beyond(file: BinaryIO, data: dict[int, Any]) -> int:
    """Bytes of the column's pages, where they are more than the directory says; up to the first that is none, where pyarrow stops too."""
    start = min(place for place in (data.get(DATA_PAGES), data.get(DATA_DICTIONARY) or None) if isinstance(place, int))
    total = 0
    with contextlib.suppress(ValueError):
        for size in _pages(file, start, start + _count(data, DATA_PACKED)):
            total += size
    return max(0, total - _count(data, DATA_UNPACKED))


def _pages(file: BinaryIO, start: int, end: int) -> Iterator[int]:
    """What each page from ``start`` to ``end`` unpacks to."""
    while start < end:
        file.seek(start)
        header = Thrift(file.read(min(MOST_PAGE_HEADER, end - start)))
        fields = header.struct()
        yield _count(fields, PAGE_UNPACKED)
        start += header.at + _count(fields, PAGE_PACKED)


def _listed(struct: dict[int, Any], field: int) -> list[dict[int, Any]]:
    found = struct.get(field, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError(f"field {field} that is no list")
    return found


def _count(struct: dict[int, Any], field: int) -> int:
    found = struct.get(field)
    if not isinstance(found, int) or found < 0:
        raise ValueError(f"field {field} that is {found!r:.40} and no count")
    return found

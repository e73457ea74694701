"""Tables of text: csv, tsv, and columns between spaces. The first line may name the columns. Imports no jax."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from triality.data.table import Table
from triality.errors import DataError

Columns = Sequence[str] | None
DELIMITERS = (",", "\t", ";", " ")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")


def places(path: Path, names: Sequence[str], columns: Columns) -> list[int]:
    """Where the wanted columns stand; all of them for None.

    Raises:
        DataError: the table names no columns, or not these.
    """
    if columns is None:
        return list(range(len(names)))
    missing = [name for name in columns if name not in names]
    if missing or len(set(columns)) < len(columns):
        what = f"no {', '.join(missing)}" if missing else "one more than once"
        raise DataError(f"{path}: expected columns among {', '.join(names) or 'none, since it names none'}, got {what}; check --columns")
    return [list(names).index(name) for name in columns]


def read_text(path: Path, columns: Columns = None) -> Table:
    """The table; a missing cell is NaN, which the checks count and name.

    Raises:
        DataError: no text, rows of unequal length, or a cell that is no number.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text, npz, npy or parquet, got bytes of another format; convert it") from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path}: expected rows, got an empty file; check it")
    delimiter = max(DELIMITERS, key=lambda each: (lines[0].count(each), -DELIMITERS.index(each)))
    cells = list(_rows(lines, delimiter))
    header = [] if all(_is_number(cell) for cell in cells[0]) else [cell.strip() for cell in cells[0]]
    rows = cells[1:] if header else cells
    first = 2 if header else 1
    if not rows:
        raise DataError(f"{path}: expected rows below the names, got none; check the file")
    width = len(cells[0])
    short = next((place for place, row in enumerate(rows) if len(row) != width), None)
    if short is not None:
        raise DataError(f"{path}: expected {width} cells in every line, got {len(rows[short])} in line {short + first}; repair it")
    if header and len(set(header)) < width:
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{path}: expected every column name once, got '{twice}' more than once; rename one")
    wanted = places(path, header or [""] * width, columns) if columns is not None else list(range(width))
    header, rows = [header[at] for at in wanted] if header else [], [[row[at] for at in wanted] for row in rows]
    _refuse_text(path, rows, header, first)
    values = np.array([[_value(cell) for cell in row] for row in rows], np.float64)
    return Table({"all": values}, tuple(header), (len(wanted),))


def _rows(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    if delimiter == " ":
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _refuse_text(path: Path, rows: list[list[str]], header: list[str], first: int) -> None:
    """Every column with text in it, and where the first is."""
    bad = {}
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            if column not in bad and not _is_number(cell):
                bad[column] = (place + first, cell)
    if bad:
        told = [f"{header[column] if header else f'column {column}'} ('{cell:.20}' in line {line})" for column, (line, cell) in bad.items()]
        raise DataError(f"{path}: expected columns of numbers, got text in {', '.join(told[:8])}; encode it, or choose --columns")


def _is_number(cell: str) -> bool:
    try:
        _value(cell)
    except ValueError:
        return False
    return True


def _value(cell: str) -> float:
    return np.nan if cell.strip().lower() in MISSING else float(cell)

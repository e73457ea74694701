"""Tables of text: csv, tsv, and columns between spaces. The first line may name the columns. Imports no jax.

Lines are read one by one into an array of numbers, so that a file needs eight bytes a cell and not a string.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from triality.data.demonstrations import problem_report
from triality.data.table import MOST_CELLS, MOST_NAMED, Table
from triality.data.text_lines import short_lines
from triality.errors import DataError

Columns = Sequence[str] | None
DELIMITERS = ("\t", ";", ",", " ")
"""The first that cuts the most lines alike: a name may hold spaces, and a decimal comma stands between semicolons."""
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
SNIFFED = 2**20
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def places(path: Path, names: Sequence[str], columns: Columns) -> list[int]:
    """Where the wanted columns stand; all of them for None.

    Raises:
        DataError: the table names no columns, or not these.

    Example:
        >>> places(Path("ages.csv"), ("name", "age", "height"), ("height", "age"))
        [2, 1]
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
        DataError: no text, or unpaired quotes; else lines of unequal length and columns with text in them, listed together.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.read(SNIFFED))
            file.seek(0)
            return _read(path, _cells(short_lines(path, file), delimiter), columns)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, npz, npy or parquet, got bytes of another format; convert it") from error
    except csv.Error as error:
        raise DataError(f"{path}: expected quotes in pairs around a cell, got others ({error}); repair them") from error


def _delimiter(start: str) -> str:
    lines = [line for line in start.splitlines()[:50] if line.strip()]

    def share(delimiter: str) -> float:
        widths = Counter(len(line.split() if delimiter == " " else next(csv.reader([line], delimiter=delimiter))) for line in lines)
        width, count = widths.most_common(1)[0]
        return count / len(lines) if width > 1 else 0.0

    shares = {delimiter: share(delimiter) for delimiter in DELIMITERS} if lines else {}
    best = max(shares, key=lambda each: shares[each], default=",")
    return best if shares.get(best) else ","


def _cells(file: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every line that is not blank."""
    if delimiter == " ":
        yield from ((number, line.split()) for number, line in enumerate(file, 1) if line.strip())
        return
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
    for cells in reader:
        if len(cells) > 1 or (cells and cells[0].strip()):
            yield reader.line_num, cells


def _read(path: Path, cells: Iterator[tuple[int, list[str]]], columns: Columns) -> Table:
    number, start = next(cells, (0, []))
    if not start:
        raise DataError(f"{path}: expected rows, got an empty file; check it")
    if start[0].startswith("#"):  # the way numpy.savetxt marks the line of names
        start = [start[0][1:], *start[1:]] if start[0] != "#" else start[1:]
    names = _names(path, start, columns)
    wanted = places(path, names, columns) if columns is not None else list(range(len(start)))
    rows, problems = _rows(cells if names else chain([(number, start)], cells), names, len(start), wanted)
    if problems:
        raise DataError(problem_report(str(path), problems))
    if not len(rows):
        raise DataError(f"{path}: expected rows below the names, got none; check the file")
    return Table({"all": rows}, tuple(names[at] for at in wanted) if names else (), (len(wanted),))


def _names(path: Path, cells: list[str], columns: Columns) -> list[str]:
    """Names in the first line, or none where it holds numbers. Where it could be either, nothing is guessed: a row could be lost.

    Years are names too, where the user asks for columns of that name.
    """
    names = [cell.strip() for cell in cells]
    texts = [name for name in names if not _is_number(name)]
    if not texts and (columns is None or not set(columns) <= set(names)):
        return []
    numbers = [name for name in names if _is_number(name) and name.lower() not in MISSING]
    if columns is None and numbers:
        raise DataError(
            f"{path}: expected names or numbers in the first line, got both ('{texts[0]:.20}' and '{numbers[0]:.20}'); "
            "name every column, repair the cell, or choose --columns"
        )
    if columns is None and "" in names:
        raise DataError(
            f"{path}: expected a name for every column, got none for column {names.index('')} (an index?); "
            "save the table without its index, or choose --columns"
        )
    twice = next((name for name, count in Counter(names).items() if count > 1 and (columns is None or name in columns)), None)
    if twice is not None:
        raise DataError(f"{path}: expected every column name once, got '{twice}' more than once; rename one")
    return names


def _rows(lines: Iterable[tuple[int, list[str]]], names: list[str], width: int, wanted: list[int]) -> tuple[np.ndarray, list[str]]:
    """Numbers of the wanted columns, and everything that is wrong with them."""
    values, uneven, texts = array("d"), [], {}
    for number, cells in lines:
        if len(cells) != width:
            uneven.append((number, len(cells)))
            continue
        chosen = [cells[at] for at in wanted]
        try:
            values.extend([_value(cell) for cell in chosen])
        except ValueError:
            for at, cell in zip(wanted, chosen, strict=True):
                if not _is_number(cell):
                    count, *first = texts.get(at, (0, number, cell))
                    texts[at] = (count + 1, *first)
        if len(values) > MOST_CELLS:
            return np.zeros((0, 0)), [f"expected at most {MOST_CELLS} cells, got more; take a sample of the rows"]
    problems = []
    if uneven:
        number, got = uneven[0]
        problems.append(f"expected {width} cells in every line, got {got} in line {number}, and {len(uneven)} such lines; repair them")
    if texts:
        problems.append(_text_problem(texts, names))
    return np.array(values, np.float64).reshape(-1, len(wanted)), problems


def _text_problem(texts: dict[int, tuple[int, int, str]], names: list[str]) -> str:
    """Every column with text in it, how often, and where the first stands."""
    told = [
        f"{names[at] if names else f'column {at}'} ('{cell:.20}' in line {line}, {count} in all)"
        for at, (count, line, cell) in sorted(texts.items())[:MOST_NAMED]
    ]
    more = f" and {len(texts) - MOST_NAMED} more columns" if len(texts) > MOST_NAMED else ""
    with_comma = any(DECIMAL_COMMA.fullmatch(cell.strip()) for _, _, cell in texts.values())
    remedy = "write a decimal point, not a comma" if with_comma else "encode it as numbers, or choose --columns"
    return f"expected numbers, got text in {', '.join(told)}{more}; {remedy}"


def _is_number(cell: str) -> bool:
    try:
        _value(cell)
    except ValueError:
        return False
    return True


def _value(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        if cell.strip().lower() in MISSING:
            return np.nan
        raise
    if "_" in cell:  # Python reads 1_000 as a thousand; in a table it is a code
        raise ValueError(cell)
    return value

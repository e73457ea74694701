"""Tables in parquet, read by pyarrow (extra ``tables``), which is imported here alone. Imports no jax."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from triality.data.demonstrations import problem_report
from triality.data.parquet_sizes import refuse_parquet_bombs
from triality.data.table import MOST_CELLS, MOST_NAMED, Table
from triality.data.table_text import Columns, places
from triality.errors import ConfigError, DataError, TrialityError

if TYPE_CHECKING:
    import pyarrow


def read_parquet(path: Path, columns: Columns = None) -> Table:
    """The table; a missing cell is NaN, which the checks count and name.

    Raises:
        DataError: a damaged file, an empty table, columns of other types than numbers and booleans, codes too long for float64.
        ConfigError: pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError('expected the package pyarrow, got none installed; do pip install "triality[tables]"') from error
    try:
        with open(path, "rb") as stream, parquet.ParquetFile(stream, page_checksum_verification=True) as file:
            chosen = _chosen(path, file.schema_arrow, file.metadata.num_rows, columns)
            refuse_parquet_bombs(path, chosen)
            table = file.read(columns=chosen)
        arrays, problems = _arrays(table.select(chosen))
    except TrialityError:
        raise
    except Exception as error:  # pyarrow's errors share no base but Exception
        raise DataError(f"{path}: expected a readable parquet file, got {type(error).__name__}: {error}; save it again") from error
    if problems:
        raise DataError(problem_report(str(path), problems))
    return Table({"all": np.stack(arrays, axis=1)}, tuple(chosen), (len(arrays),))


def _chosen(path: Path, schema: pyarrow.Schema, num_rows: int, columns: Columns) -> list[str]:
    """The wanted names, by the file's own directory: nothing is unpacked before all of it is known to be numbers, and not too many."""
    from pyarrow import types

    chosen = [schema.names[at] for at in places(path, schema.names, columns)]
    problems = [
        f"expected every column name once, got '{name}' more than once; rename one"
        for name, count in Counter(schema.names).items()
        if count > 1 and name in chosen
    ]
    if not chosen or num_rows == 0:
        problems.append("expected rows, got an empty table; check the file")
    if num_rows * len(chosen) > MOST_CELLS:
        problems.append(f"expected at most {MOST_CELLS} cells, got {num_rows * len(chosen)}; take a sample, or choose --columns")
    numbers = (types.is_integer, types.is_floating, types.is_boolean)
    others = [f"{each.name} ({each.type})" for each in schema if each.name in chosen and not any(is_it(each.type) for is_it in numbers)]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        problems.append(
            f"expected columns of numbers, got others: {', '.join(others[:MOST_NAMED])}{more}; encode them, or choose --columns"
        )
    if problems:
        raise DataError(problem_report(str(path), problems))
    return chosen


def _arrays(table: pyarrow.Table) -> tuple[list[np.ndarray], list[str]]:
    """Every column as float64, and the ones that it cannot hold."""
    import pyarrow
    from pyarrow import types

    arrays, problems = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            narrow = column.cast(pyarrow.uint8()) if types.is_boolean(column.type) else column
            arrays.append(narrow.cast(pyarrow.float64()).to_numpy().astype(np.float64))
        except pyarrow.ArrowInvalid:
            problems.append(
                f"{name}: expected numbers that float64 holds exactly, got {column.type} beyond 2^53; leave such codes out, or scale them"
            )
    return arrays, problems

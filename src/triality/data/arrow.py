"""Columns of Arrow and Parquet files as numpy arrays, by pyarrow (extra ``demos``), which is imported here alone. Imports no jax.

A list a row, however deep, becomes an axis if all rows are of one length; text, bytes, pictures and missing values are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from triality.data.optional_packages import import_package
from triality.errors import DataError, TrialityError

T = TypeVar("T")
MOST_BYTES = 8 * 2**30
END = bytes(4)
"""Last bytes of a stream: no further message."""


def read_arrow(path: Path) -> Any:
    """The table of an Arrow file, in either of its two layouts (file, stream).

    Raises:
        DataError: cut off, damaged, or another format.
        ConfigError: pyarrow is not installed.
    """
    ipc = import_package("pyarrow.ipc")

    def read() -> Any:
        with open(path, "rb") as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(-min(len(END), path.stat().st_size), os.SEEK_END)
            if not is_file and file.read() != END:  # a stream that ends between two batches would be read as a shorter one
                raise DataError(f"{path}: expected an undamaged Arrow stream, got one without its end; copy or make it again")
            file.seek(0)
            with (ipc.open_file if is_file else ipc.open_stream)(file) as reader:
                batches, size = [], 0
                for batch in (reader.get_batch(i) for i in range(reader.num_record_batches)) if is_file else reader:
                    batch.validate(full=True)
                    batches.append(batch)
                    size += batch.nbytes
                    if size > MOST_BYTES:
                        raise DataError(f"{path}: expected at most {MOST_BYTES >> 30} GiB, got more; split the file")
                return import_package("pyarrow").Table.from_batches(batches, reader.schema)

    return guarded(path, "Arrow", read)


def read_parquet_columns(path: Path, columns: Callable[[list[str]], list[str]]) -> Any:
    """The columns that ``columns`` chooses among those of a Parquet file, as a table.

    Raises:
        DataError: cut off, damaged, too large, or what ``columns`` refuses.
        ConfigError: pyarrow is not installed.
    """
    parquet = import_package("pyarrow.parquet")

    def read() -> Any:
        with parquet.ParquetFile(path) as file:
            size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if size > MOST_BYTES:
                raise DataError(f"{path}: expected at most {MOST_BYTES >> 30} GiB, got {size} bytes declared; split the file")
            return file.read(columns=columns(file.schema_arrow.names))

    return guarded(path, "Parquet", read)


def guarded(path: Path, what: str, read: Callable[[], T]) -> T:
    """``read()``, with pyarrow's errors, which share no class, turned into one that names the file.

    Raises:
        DataError: whatever was raised that is no error of this library.
    """
    try:
        return read()
    except TrialityError:
        raise
    except Exception as error:
        raise DataError(f"{path}: expected an undamaged {what} file, got {type(error).__name__}: {error}; copy or make it again") from error


def leaves(array: Any, prefix: str = "") -> dict[str, Any]:
    """Every array below a struct by its path; an array that is no struct stands for itself, under the prefix."""
    array = _plain(array)
    if not import_package("pyarrow.types").is_struct(array.type):
        return {prefix.removesuffix("/"): array}
    found = {}
    for index in range(array.type.num_fields):
        found |= leaves(array.field(index), f"{prefix}{array.type.field(index).name}/")
    return found


def to_numpy(name: str, array: Any) -> np.ndarray:
    """Numbers of an Arrow array, one row each, with an axis for every list.

    Raises:
        DataError: begins with ``name``; other things than numbers, missing values, or rows of different lengths.
    """
    types, compute = import_package("pyarrow.types"), import_package("pyarrow.compute")
    array = _plain(array)
    axes = [len(array)]
    while types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type):
        _refuse_missing(name, array)
        sizes = compute.unique(compute.list_value_length(array)).to_pylist()
        if len(sizes) > 1:
            raise DataError(
                f"{name}: expected rows of one length, got {min(sizes)} to {max(sizes)} numbers; read one environment at a time"
            )
        axes.append(sizes[0] if sizes else 0)
        array = _plain(array.flatten())
    if not (types.is_integer(array.type) or types.is_floating(array.type) or types.is_boolean(array.type)):
        raise DataError(f"{name}: expected numbers, got {array.type} (text, or compressed pictures?); choose other parts with --keys")
    _refuse_missing(name, array)
    return array.to_numpy(zero_copy_only=False).reshape(axes)


def _refuse_missing(name: str, array: Any) -> None:
    if array.null_count:
        raise DataError(f"{name}: expected a value in every row, got {array.null_count} missing; repair or leave out those episodes")


def _plain(array: Any) -> Any:
    """One piece, and of a type of Arrow's own: what another library calls its type is never looked up."""
    array = array.combine_chunks() if hasattr(array, "combine_chunks") else array
    return array.storage if hasattr(array, "storage") else array

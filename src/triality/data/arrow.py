"""Columns of Arrow and Parquet files as numpy arrays, by pyarrow (extra ``demos``), which is imported here alone. Imports no jax.

A list a row, however deep, becomes an axis if all rows are of one length; text, bytes, pictures and missing values are refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from triality.data.arrow_messages import unpacked_bytes
from triality.data.declared_sizes import refuse_bombs
from triality.data.optional_packages import import_package
from triality.data.parquet_sizes import refuse_parquet_bombs
from triality.errors import DataError, TrialityError

T = TypeVar("T")
END = bytes(4)
"""Last bytes of a stream: no further message."""
MAGIC, START_OF_STREAM = b"ARROW1", 8
"""A file in Arrow's other layout begins and ends with these bytes, and holds a stream."""


def read_arrow(path: Path) -> Any:
    """The table of an Arrow file, in either of its two layouts (file, stream).

    Raises:
        DataError: cut off, damaged, or another format.
        ConfigError: pyarrow is not installed.
    """
    ipc = import_package("pyarrow.ipc")

    def read() -> Any:
        with open(path, "rb") as file:
            is_file = file.read(len(MAGIC)) == MAGIC
            expected = None
            if is_file:
                file.seek(0)
                expected = ipc.open_file(file).num_record_batches
            file.seek(-min(len(END), path.stat().st_size), os.SEEK_END)
            if not is_file and file.read() != END:  # a stream that ends between two batches would be read as a shorter one
                raise DataError(f"{path}: expected an undamaged Arrow stream, got one without its end; copy or make it again")
            start = START_OF_STREAM if is_file else 0
            file.seek(start)
            declared = 0
            for size in unpacked_bytes(iter(ipc.MessageReader.open_stream(file))):
                declared += size
                refuse_bombs(path, "batches", declared)
            file.seek(start)
            with ipc.open_stream(file) as reader:
                _refuse_repeated(path, reader.schema.names)
                batches = list(_whole(reader))
                if expected is not None and len(batches) != expected:
                    raise DataError(f"{path}: expected {expected} batches, got {len(batches)}: damage; copy or make it again")
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
        with open(path, "rb") as stream, parquet.ParquetFile(stream, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            chosen = columns(names)
            _refuse_repeated(path, names)
            refuse_parquet_bombs(path, chosen)
            return file.read(columns=chosen)

    return guarded(path, "Parquet", read)


def _whole(reader: Any) -> Iterator[Any]:
    for batch in reader:
        batch.validate(full=True)
        yield batch


def _refuse_repeated(path: Path, names: Sequence[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"{path}: expected every column name once, got '{repeated[0]}' more than once; write the file again")


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
    while is_list(array.type):
        _refuse_missing(name, array)
        if types.is_fixed_size_list(array.type):
            sizes = [array.type.list_size]
        else:
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


def is_list(kind: Any) -> bool:
    """Whether a value of that type is a row of others."""
    types = import_package("pyarrow.types")
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _refuse_missing(name: str, array: Any) -> None:
    if array.null_count:
        raise DataError(f"{name}: expected a value in every row, got {array.null_count} missing; repair or leave out those episodes")


def _plain(array: Any) -> Any:
    """One piece, and of a type of Arrow's own: what another library calls its type is never looked up."""
    array = array.combine_chunks() if hasattr(array, "combine_chunks") else array
    return array.storage if hasattr(array, "storage") else array

"""Tables as people have them: npz, npy, csv, tsv, parquet, folders of images. Read as if a stranger had made them; nothing is unpickled.

What a file is, is decided by its first bytes, not by its name. Imports no jax.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from triality.data.table import Table
from triality.data.table_text import Columns, places, read_text
from triality.errors import ConfigError, DataError, TrialityError
from triality.runs.archive import ArchiveError, decode_array, read_members

SPLITS = ("train", "valid", "test")
MOST_BYTES = 4 * 2**30
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
MAGIC = {
    b"PK\x03\x04": "npz",
    b"PK\x05\x06": "npz",
    b"\x93NUM": "npy",
    b"PAR1": "parquet",
    b"\x89HDF": "HDF5, which is not read; save the array with numpy.savez",
    b"\x1f\x8b\x08": "a gzip file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstandard file; unpack it first",
    b"\x80": "a pickle, which is never loaded because it can run code; save the array with numpy.savez",
}


def read_table(path: str | PathLike[str], columns: Columns = None) -> Table:
    """The table in ``path``, of numbers only; columns chosen by name where the file has names.

    Raises:
        DataError: no file, another format, text where numbers should be, a column that is not there.
        ConfigError: the package that reads this format is not installed.
    """
    path = Path(path)
    try:
        return _read_folder(path, columns) if path.is_dir() else _reader_of(path)(path, columns)
    except ArchiveError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, MemoryError, ValueError) as error:
        raise DataError(f"{path}: expected a readable table, got {type(error).__name__}: {error}; check the path and the file") from error


def _reader_of(path: Path) -> Callable[[Path, Columns], Table]:
    if not path.exists():
        raise DataError(f"{path}: expected a table, got no file there; check the path")
    if not path.is_file():
        raise DataError(f"{path}: expected a file, got a device or a pipe; save the table as a file")
    size = path.stat().st_size
    if size == 0 or size > MOST_BYTES:
        raise DataError(f"{path}: expected a table of 1 byte to {MOST_BYTES >> 30} GiB, got {size} bytes; check it, or take a sample of it")
    with open(path, "rb") as file:
        start = file.read(4)
    found = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "text")
    readers = {"npz": _read_npz, "npy": _read_npy, "parquet": _read_parquet, "text": read_text}
    if found not in readers:
        raise DataError(f"{path}: expected npz, npy, csv, tsv or parquet, got {found}")
    return readers[found]


def _read_npz(path: Path, columns: Columns) -> Table:
    _refuse_columns(path, columns)
    arrays = {name.removesuffix(".npy"): decode_array(name, payload) for name, payload in read_members(path).items()}
    if {"train", "test"} <= arrays.keys():
        return _of_arrays({name: arrays[name] for name in SPLITS if name in arrays})
    if len(arrays) == 1:
        return _of_arrays({"all": next(iter(arrays.values()))})
    for name in ("x", "X", "data"):
        if name in arrays:
            return _of_arrays({"all": arrays[name]})
    raise DataError(
        f"{path}: expected one array, one called x or data, or train and test (and valid), got {', '.join(sorted(arrays)[:8]) or 'none'}; "
        "save numpy.savez(file, x=rows)"
    )


def _read_npy(path: Path, columns: Columns) -> Table:
    _refuse_columns(path, columns)
    return _of_arrays({"all": decode_array(path.name, path.read_bytes())})


def _of_arrays(arrays: dict[str, np.ndarray]) -> Table:
    parts, shapes = {}, set()
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or array.ndim not in (1, 2, 3) or 0 in array.shape:
            raise DataError(
                f"{name}: expected numbers of shape (n, columns), or (n, height, width) for images, got {array.dtype} of shape "
                f"{array.shape}; save such an array"
            )
        array = array[:, None] if array.ndim == 1 else array
        shapes.add(array.shape[1:])
        parts[name] = array.reshape(len(array), -1).astype(np.float64)
    if len(shapes) > 1:
        raise DataError(f"expected samples of one shape in all parts, got {sorted(shapes)}; save them again")
    return Table(parts, (), shapes.pop())


def _read_parquet(path: Path, columns: Columns) -> Table:
    try:
        from pyarrow import parquet, types
    except ImportError as error:
        raise ConfigError('expected the package pyarrow, got none installed; do pip install "triality[tables]"') from error
    try:
        schema = parquet.read_schema(path)
        chosen = [schema.names[at] for at in places(path, schema.names, columns)]
        table = parquet.read_table(path, columns=chosen)
    except TrialityError:
        raise
    except Exception as error:  # pyarrow's errors share no base but Exception
        raise DataError(f"{path}: expected a readable parquet file, got {type(error).__name__}: {error}; save it again") from error
    texts = [
        field.name
        for field in table.schema
        if not (types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type))
    ]
    if texts:
        raise DataError(f"{path}: expected columns of numbers, got others: {', '.join(texts[:8])}; encode them, or choose --columns")
    # A missing cell becomes NaN, which the checks count and name.
    arrays = [column.to_numpy().astype(np.float64) for column in table.columns]
    if not arrays or not len(arrays[0]):
        raise DataError(f"{path}: expected rows, got an empty table; check the file")
    return Table({"all": np.stack(arrays, axis=1)}, tuple(table.column_names), (len(arrays),))


def _refuse_columns(path: Path, columns: Columns) -> None:
    if columns is not None:
        raise DataError(f"{path}: expected column names to choose from, got a file without; leave --columns out")


def _read_folder(path: Path, columns: Columns) -> Table:
    """Images of one size; colors are made gray."""
    _refuse_columns(path, columns)
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in IMAGES and each.is_file())
    if not files:
        raise DataError(f"{path}: expected a file, or a folder of images ({', '.join(IMAGES)}), got a folder without; check the path")
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError("expected the package pillow, got none installed; do pip install pillow") from error
    images = []
    for file in files:
        try:
            with Image.open(file) as image:
                images.append(np.asarray(image.convert("L"), np.float64))
        except Exception as error:  # a damaged image raises many unrelated classes
            raise DataError(f"{file}: expected an image, got {type(error).__name__}: {error}; repair it or leave it out") from error
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        odd = next(file.name for file, image in zip(files, images, strict=True) if image.shape != images[0].shape)
        raise DataError(f"{path}: expected images of one size, got {images[0].shape} and, in {odd}, another; resize them")
    rows = np.stack([image.reshape(-1) for image in images])
    return Table({"all": rows}, (), images[0].shape)

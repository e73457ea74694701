"""Tables as people have them: npz, npy, csv, tsv, parquet, folders of images. Read as if a stranger had made them; nothing is unpickled.

What a file is, is decided by its first bytes, not by its name. Imports no jax.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from triality.data.table import Table
from triality.data.table_images import read_images
from triality.data.table_npz import read_npy, read_npz
from triality.data.table_parquet import read_parquet
from triality.data.table_text import Columns, read_text
from triality.errors import DataError
from triality.runs.archive import ArchiveError

MOST_BYTES = 4 * 2**30
MAGIC = {
    b"PK\x03\x04": "npz",
    b"PK\x05\x06": "npz",
    b"\x93NUM": "npy",
    b"PAR1": "parquet",
    b"\x89HDF": "HDF5, which is not read; save the array with numpy.savez",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstandard file; unpack it first",
    b"\x89PNG": "one image; give the folder of all images, or an array of shape (n, height, width)",
    b"\xff\xd8\xff": "one image; give the folder of all images, or an array of shape (n, height, width)",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save it as csv",
    b"\x80": "a pickle, which is never loaded because it can run code; save the array with numpy.savez",
}
READ = ("npz", "npy", "parquet", "text")


def read_table(path: str | PathLike[str], columns: Columns = None) -> Table:
    """The table in ``path``, of numbers only; columns chosen by name where the file has names.

    Raises:
        DataError: no file, another format, text where numbers should be, a column that is not there. What can be found together is
            listed together.
        ConfigError: the package that reads this format is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "people.csv"
        ...     _ = file.write_text("name,age,height\\nanna,31,1.7\\nbo,42,1.8\\n")
        ...     table = read_table(file, ("age", "height"))
        >>> table.names, table.rows.tolist(), table.kind
        (('age', 'height'), [[31.0, 1.7], [42.0, 1.8]], 'continuous')
    """
    path = Path(path)
    try:
        found = "images" if path.is_dir() else _format(path)
        if found in ("text", "parquet"):
            return (read_text if found == "text" else read_parquet)(path, columns)
        if columns is not None:
            raise DataError(f"{path}: expected column names to choose from, got a file without; leave --columns out")
        return {"images": read_images, "npz": read_npz, "npy": read_npy}[found](path)
    except ArchiveError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, MemoryError, ValueError) as error:
        raise DataError(f"{path}: expected a readable table, got {type(error).__name__}: {error}; check the path and the file") from error


def _format(path: Path) -> str:
    if not path.exists():
        raise DataError(f"{path}: expected a table, got no file there; check the path")
    if not path.is_file():  # opening a pipe would wait for a writer
        raise DataError(f"{path}: expected a file, got a device or a pipe; save the table as a file")
    size = path.stat().st_size
    if size == 0 or size > MOST_BYTES:
        raise DataError(f"{path}: expected a table of 1 byte to {MOST_BYTES >> 30} GiB, got {size} bytes; check it, or take a sample of it")
    with open(path, "rb") as file:
        start = file.read(4)
    found = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "text")
    if found not in READ:
        raise DataError(f"{path}: expected npz, npy, csv, tsv or parquet, got {found}")
    return found

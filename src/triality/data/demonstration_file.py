"""The demonstration file: an ``npz`` that is read as if a stranger had made it. Imports no jax, executes nothing, unpickles nothing."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from triality.data.columns import COLUMNS, convert_columns, name_problems
from triality.data.demonstrations import Demonstrations, problem_report
from triality.errors import DataError
from triality.runs.archive import ArchiveError, encode_array, read_arrays, write_members
from triality.runs.atomic import replace_file
from triality.runs.json_files import canonical_json, parse_json

META = "meta"
OTHER_FORMATS = {
    b"\x93NUMPY": "a single .npy array; save all arrays together with numpy.savez",
    b"\x89HDF\r\n": "an HDF5 file; convert it to npz",
    b"\x80": "a pickle, which is never loaded because it can run code; save arrays with numpy.savez",
}


def read_demonstrations(path: str | PathLike[str]) -> Demonstrations:
    """The demonstrations in ``path``, checked whole.

    Raises:
        DataError: whatever is wrong with the file; all problems that can be found together are listed together.
    """
    path = Path(path)
    try:
        arrays = read_arrays(path)
    except ArchiveError as error:
        raise DataError(f"{path}: {_other_format(path) or error}") from error
    except (MemoryError, ValueError) as error:
        raise DataError(f"{path}: expected a readable file, got {type(error).__name__}: {error}; check the path") from error
    problems = name_problems(arrays, also=(META,))
    meta = _parse_meta(arrays.get(META, np.array("{}")), problems)
    columns, column_problems = convert_columns({name: arrays[name] for name in COLUMNS if name in arrays})
    if problems or column_problems:
        raise DataError(problem_report(str(path), problems + column_problems))
    return Demonstrations(**columns, meta=meta)


def write_demonstrations(path: str | PathLike[str], demonstrations: Demonstrations) -> None:
    """Replace ``path`` by these demonstrations, all at once; equal demonstrations give equal bytes.

    Raises:
        StorageError: ``meta`` has no JSON form, or the file cannot be written.
    """
    path = Path(path)
    arrays = demonstrations.columns()
    if demonstrations.meta:
        arrays[META] = np.array(canonical_json(demonstrations.meta))
    members = [(f"{name}.npy", encode_array(array)) for name, array in arrays.items()]
    replace_file(path, lambda file: write_members(file, members), verify=read_demonstrations)


def _other_format(path: Path) -> str | None:
    """Name a well-known other format by its first bytes: the message then says what to do."""
    try:
        if not path.is_file():  # opening a pipe would wait for a writer
            return None
        with open(path, "rb") as file:
            start = file.read(8)
    except (OSError, ValueError):
        return None
    return next((f"expected an npz of arrays, got {text}" for magic, text in OTHER_FORMATS.items() if start.startswith(magic)), None)


def _parse_meta(array: np.ndarray, problems: list[str]) -> dict[str, Any]:
    remedy = "save numpy.array(json.dumps({...}))"
    if array.ndim != 0 or array.dtype.kind not in "US":
        problems.append(f"meta: expected one JSON text, got {array.dtype} of shape {array.shape}; {remedy}")
        return {}
    try:
        meta = parse_json(array.item())
    except ValueError as error:
        problems.append(f"meta: expected JSON, got other text ({error}); {remedy}")
        return {}
    if not isinstance(meta, dict):
        problems.append(f"meta: expected a JSON object, got a {type(meta).__name__}; {remedy}")
        return {}
    return meta

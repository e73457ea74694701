"""Tables in numpy's own files: one array of rows or of images, or one for training, validation and test each. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from triality.data.demonstrations import problem_report
from triality.data.table import MOST_CELLS, Table
from triality.errors import DataError
from triality.runs.archive import SUFFIX, ArchiveError, Limits, decode_array, read_members

SPLITS = ("train", "valid", "test")
WHOLE = ("x", "X", "data")
EXACT = 2**53
"""Whole numbers up to here are all different in float64."""


def read_npz(path: Path) -> Table:
    """The array called x, X or data; or train, test and perhaps valid; or the only one. Others, such as labels, are left alone.

    Raises:
        DataError: other names, no numbers, other shapes than rows or images; all that is wrong is listed.
        ArchiveError: the zip cannot be trusted.
    """
    members = read_members(path, Limits(total_bytes=8 * MOST_CELLS))
    foreign = sorted(name for name in members if not name.endswith(SUFFIX))
    if foreign:
        raise ArchiveError(f"expected members that end in {SUFFIX}, got {', '.join(foreign[:5])}; save the file again with numpy.savez")
    chosen = _chosen(path, [name.removesuffix(SUFFIX) for name in members])
    return _table(path, {part: decode_array(name, members[f"{name}{SUFFIX}"]) for part, name in chosen.items()})


def read_npy(path: Path) -> Table:
    """The one array of the file.

    Raises:
        DataError: no numbers, or another shape than rows or images.
        ArchiveError: pickled objects, or a header that does not fit.
    """
    return _table(path, {"all": decode_array(path.name, path.read_bytes())})


def _chosen(path: Path, names: list[str]) -> dict[str, str]:
    """Which array holds which part."""
    sequences = sorted(name for name in names if name.endswith("lengths"))
    if sequences:
        raise DataError(
            f"{path}: expected rows that are samples of their own, got sequences cut by {', '.join(sequences[:3])}; "
            "save one row a sequence, as numpy.savez(file, x=rows)"
        )
    if {"train", "test"} <= set(names):
        return {name: name for name in SPLITS if name in names}
    found = [name for name in WHOLE if name in names] or (names if len(names) == 1 else [])
    if len(found) == 1:
        return {"all": found[0]}
    got = ", ".join(sorted(names)[:8]) or "none"
    raise DataError(
        f"{path}: expected one array, one called x, X or data, or train and test (and valid), got {got}; save numpy.savez(file, x=rows)"
    )


def _table(path: Path, arrays: Mapping[str, np.ndarray]) -> Table:
    problems = [f"{name}: {text}" for name, array in arrays.items() if (text := _problem(array))]
    shapes = {name: array.shape[1:] or (1,) for name, array in arrays.items()}
    if not problems and len(set(shapes.values())) > 1:
        told = ", ".join(f"{shape} in {name}" for name, shape in shapes.items())
        problems.append(f"expected samples of one shape in all parts, got {told}; save them again")
    if sum(array.size for array in arrays.values()) > MOST_CELLS:
        problems.append(f"expected at most {MOST_CELLS} cells, got more; take a sample of the rows")
    if problems:
        raise DataError(problem_report(str(path), problems))
    parts = {name: array.reshape(len(array), -1).astype(np.float64) for name, array in arrays.items()}
    return Table(parts, (), next(iter(shapes.values())))


def _problem(array: np.ndarray) -> str | None:
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2, 3) or 0 in array.shape:
        return (
            f"expected numbers of shape (n, columns), or (n, height, width) for images, got {array.dtype} of shape {array.shape}; "
            "save such an array"
        )
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and max(abs(int(array.min())), abs(int(array.max()))) > EXACT:
        return f"expected numbers that float64 holds exactly, got {array.dtype} beyond 2^53; leave such codes out, or scale them"
    return None

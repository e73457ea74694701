"""HDF5 files read as if a stranger had made them, by h5py (extra ``demos``), which is imported here alone.

Nothing is unpickled; links out of the file are not followed; sizes are checked before anything is decompressed. Imports no jax.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from triality.data.declared_sizes import MOST_RATIO, RATIO_FROM_BYTES, refuse_bombs
from triality.data.optional_packages import import_package
from triality.errors import DataError, TrialityError

T = TypeVar("T")
MOST_DEPTH = 8
"""Groups one inside the other."""
PIECE_BYTES = 4096
"""Memory that the HDF5 library takes for every piece of an array, those that are not in the file included."""
MOST_ARRAYS = 10_000
"""Groups that hold each other in many ways hold more arrays than any file."""


class Hdf5File:
    """An open file and how much of it has been read.

    Args:
        path: where it is; messages begin with it.
        root: the open ``h5py.File``.
    """

    def __init__(self, path: Path, root: Any) -> None:
        self.path = path
        self.root = root
        self._declared = 0
        self._found = 0

    def names(self, group: Any) -> list[str]:
        """Members of a group that are stored in this file, in order of their names."""
        return sorted(name for name in group if self._is_here(group, name))

    def is_group(self, group: Any, name: str) -> bool:
        """Whether ``name`` is a group in ``group``, and no array."""
        return self._is_here(group, name) and group.get(name, getclass=True) is import_package("h5py").Group

    def is_array(self, group: Any, name: str) -> bool:
        """Whether ``name`` is an array in ``group``, and no group."""
        return self._is_here(group, name) and group.get(name, getclass=True) is import_package("h5py").Dataset

    def _is_here(self, group: Any, name: str) -> bool:
        """Whether a name stands for something in this file; a link by a path, soft or out of the file, is not followed."""
        return isinstance(group.get(name, getlink=True), import_package("h5py").HardLink)

    def leaves(self, group: Any, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
        """Every array below ``group`` with its path; a group that holds itself is not entered again.

        Raises:
            DataError: more than any honest file has.
        """
        address = import_package("h5py").h5o.get_info(group.id).addr
        if address in seen or len(seen) >= MOST_DEPTH:
            return
        self._found = self._found if seen else 0
        for name in self.names(group):
            self._found += 1
            if self._found > MOST_ARRAYS:
                raise DataError(f"{self.path}: expected at most {MOST_ARRAYS} arrays and groups, got more; save them flat, each once")
            path = f"{prefix}{name}"
            if self.is_array(group, name):
                yield path, group[name]
            elif self.is_group(group, name):
                yield from self.leaves(group[name], f"{path}/", seen | {address})

    def read(self, array: Any) -> np.ndarray:
        """The numbers of an ``h5py.Dataset``, whole.

        Raises:
            DataError: other things than numbers, storage outside the file, or more than can be trusted.
        """
        name, dtype = array.name, array.dtype
        if dtype.kind not in "fiub":
            raise DataError(
                f"{self.path}: {name}: expected plain numbers, got {_kind(dtype)}; save a numeric array, or choose other parts with --keys"
            )
        if array.is_virtual or array.external:
            raise DataError(f"{self.path}: {name}: expected numbers in this file, got a reference to others; copy them into one file")
        self._declare(array)
        return np.asarray(array[()])

    def read_word(self, array: Any) -> Any:
        """A number or a text that stands by itself, None for anything else."""
        if array.shape != () or array.dtype.kind not in "SOiufb" or array.is_virtual or array.external:  # "O" is text of any length
            return None
        self._declare(array)
        value = array[()]
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value.item() if isinstance(value, np.generic) else None

    def _declare(self, array: Any) -> None:
        """Count what will be unpacked: whole pieces, and a piece may be larger than the array, or too small to be one of so many."""
        chunks = array.chunks or array.shape
        pieces = math.prod(-(-side // max(1, piece)) for side, piece in zip(array.shape, chunks, strict=True))
        self._declared += pieces * math.prod(chunks) * array.dtype.itemsize
        refuse_bombs(self.path, array.name, self._declared)
        if pieces * PIECE_BYTES > max(RATIO_FROM_BYTES, MOST_RATIO * self.path.stat().st_size):
            raise DataError(
                f"{self.path}: {array.name}: expected pieces that this file can hold, got {pieces} declared; save it in larger ones"
            )


def with_hdf5(path: Path, use: Callable[[Hdf5File], T]) -> T:
    """What ``use`` makes of the open file, which is closed afterwards.

    Raises:
        DataError: no HDF5, cut off, damaged, or what ``use`` refuses.
        ConfigError: h5py is not installed.
    """
    h5py = import_package("h5py")
    try:
        with h5py.File(path, "r") as root:
            return use(Hdf5File(path, root))
    except TrialityError:
        raise
    except Exception as error:  # damaged files raise OSError, RuntimeError, KeyError, ValueError and UnicodeDecodeError
        raise DataError(f"{path}: expected an undamaged HDF5 file, got {type(error).__name__}: {error}; copy or make it again") from error


def _kind(dtype: np.dtype) -> str:
    if dtype.kind == "O" and dtype.metadata and "vlen" in dtype.metadata and dtype.metadata["vlen"] is not str:
        return "rows of varying length (compressed pictures?)"
    return "text" if dtype.kind in "SUO" else f"{dtype}"

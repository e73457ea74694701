"""HDF5 files read as if a stranger had made them, by h5py (extra ``demos``), which is imported here alone.

Nothing is unpickled; links out of the file are not followed; sizes are checked before anything is decompressed. Imports no jax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from triality.data.optional_packages import import_package
from triality.errors import DataError, TrialityError

T = TypeVar("T")
MOST_DEPTH = 8
"""Groups one inside the other."""
MOST_BYTES = 8 * 2**30
MOST_RATIO, RATIO_FROM_BYTES = 200, 32 * 2**20
"""Largest ratio of what arrays declare to the size of the file, from that many declared bytes on."""


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

    def names(self, group: Any) -> list[str]:
        """Members of a group that are stored in this file, in order of their names."""
        h5py = import_package("h5py")
        return sorted(name for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink))

    def is_group(self, group: Any, name: str) -> bool:
        """Whether ``name`` is a group in ``group``, and no array."""
        return name in self.names(group) and group.get(name, getclass=True) is import_package("h5py").Group

    def is_array(self, group: Any, name: str) -> bool:
        """Whether ``name`` is an array in ``group``, and no group."""
        return name in self.names(group) and group.get(name, getclass=True) is import_package("h5py").Dataset

    def leaves(self, group: Any, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
        """Every array below ``group`` with its path; a group that holds itself is not entered again."""
        address = import_package("h5py").h5o.get_info(group.id).addr
        if address in seen or len(seen) >= MOST_DEPTH:
            return
        for name in self.names(group):
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
        self._declared += array.size * dtype.itemsize
        size = self.path.stat().st_size
        if self._declared > MOST_BYTES or (self._declared > RATIO_FROM_BYTES and self._declared > MOST_RATIO * size):
            raise DataError(
                f"{self.path}: {name}: expected at most {MOST_BYTES >> 30} GiB, and {MOST_RATIO} times the size of the file, "
                f"got {self._declared} bytes declared; split the file, or save it with less compression"
            )
        return np.asarray(array[()])


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

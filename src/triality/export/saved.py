"""Exported models on the disk: ``NAME.json`` says what they are, ``NAME.safetensors`` holds their arrays. Imports numpy alone, no jax.

safetensors is a header of JSON and raw numbers: nothing in it can run, and nothing is unpickled.
Reference: https://github.com/huggingface/safetensors (the file format).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality.errors import ConfigError, StorageError

FORMAT_VERSION = 1
REMEDY = "export the run again with triality export"


class Saved(NamedTuple):
    """One exported model.

    Fields:
        path: of its description.
        description: what the JSON file says.
        arrays: by name; all finite, all of one floating type.
    """

    path: Path
    description: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def part(self, name: str) -> Saved:
        """A model within this one: its own fields over those of the whole, and the arrays whose names begin with ``name``.

        Raises:
            StorageError: the description holds no such part.
        """
        found = self.description.get(name)
        if not isinstance(found, dict):
            raise StorageError(f"{self.path}: expected a description of '{name}', got {found!r}; {REMEDY}")
        within = {key.removeprefix(f"{name}."): array for key, array in self.arrays.items() if key.startswith(f"{name}.")}
        return Saved(self.path, {**self.description, **found}, within)

    def array(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """The array of that name and shape.

        Raises:
            StorageError: there is none, or it has another shape.
        """
        found = self.arrays.get(name)
        if found is None or found.shape != tuple(shape):
            got = "none" if found is None else f"one of shape {found.shape}"
            raise StorageError(f"{self.path}: expected an array '{name}' of shape {tuple(shape)}, got {got}; {REMEDY}")
        return found

    def word(self, name: str, known: Sequence[str]) -> str:
        """The text of that name in the description.

        Raises:
            StorageError: it is none of ``known``.
        """
        found = self.description.get(name)
        if found not in known:
            raise StorageError(f"{self.path}: expected '{name}' to be one of {', '.join(known)}, got {found!r}; {REMEDY}")
        return str(found)

    def count(self, name: str) -> int:
        """The whole number of that name in the description.

        Raises:
            StorageError: it is no whole number from 0 up.
        """
        found = self.description.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise StorageError(f"{self.path}: expected '{name}' to be a whole number from 0 up, got {found!r}; {REMEDY}")
        return found

    def numbers(self, name: str, size: int) -> tuple[float, ...]:
        """The list of that many numbers of that name in the description.

        Raises:
            StorageError: it is no such list.
        """
        found = self.description.get(name)
        if not isinstance(found, list) or len(found) != size or not all(isinstance(value, int | float) for value in found):
            raise StorageError(f"{self.path}: expected '{name}' to be {size} numbers, got {found!r}; {REMEDY}")
        return tuple(map(float, found))


def read_saved(folder: str | PathLike[str], name: str) -> Saved:
    """The exported ``name`` ("cost" or "policy") in ``folder``.

    Raises:
        ConfigError: safetensors is not installed.
        StorageError: a file is missing, damaged, of another format or version, or holds numbers that are not finite.
    """
    path = Path(folder) / f"{name}.json"
    description = _read_description(path, name)
    arrays = _read_arrays(path.with_suffix(".safetensors"))
    return Saved(path, description, arrays)


def encode(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The safetensors file of these arrays.

    Raises:
        ConfigError: safetensors is not installed.
    """
    return _safetensors().save({key: np.ascontiguousarray(array) for key, array in arrays.items()})


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ConfigError(
            'expected safetensors for exported models, got no such package; install it: pip install "triality[export]"'
        ) from error
    return safetensors.numpy


def _read_description(path: Path, name: str) -> dict[str, Any]:
    try:
        description = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: expected JSON, got a damaged file ({error}); {REMEDY}") from error
    found = (description.get("format"), description.get("format_version")) if isinstance(description, dict) else None
    if found != (f"triality-{name}", FORMAT_VERSION):
        raise StorageError(f"{path}: expected format triality-{name} of version {FORMAT_VERSION}, got {found}; {REMEDY}")
    return description


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    library, payload = _safetensors(), _read(path)
    try:
        arrays = library.load(payload)
    except Exception as error:  # its own class, KeyError for a type that numpy lacks, ValueError for sizes
        raise StorageError(f"{path}: expected a safetensors file, got a damaged one ({error}); {REMEDY}") from error
    types = {array.dtype for array in arrays.values()}
    if len(types) > 1 or not types <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise StorageError(f"{path}: expected arrays of one type, float32 or float64, got {sorted(map(str, types))}; {REMEDY}")
    wrong = sorted(key for key, array in arrays.items() if not np.isfinite(array).all())
    if wrong:
        raise StorageError(f"{path}: expected finite numbers, got others in {', '.join(wrong[:5])}; {REMEDY}")
    return arrays


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: expected an exported file, got '{error.strerror}'; give the --out of triality export") from error

"""Exported models on the disk: ``NAME.json`` says what they are, ``NAME.safetensors`` holds their arrays. Imports numpy alone, no jax.

safetensors is a header of JSON and raw numbers: nothing in it can run, and nothing is unpickled.
Reference: https://github.com/huggingface/safetensors (the file format).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality.errors import ConfigError, StorageError
from triality.runs.json_files import canonical_json, parse_json, read_short_file

FORMAT_VERSION = 1
MOST_BYTES = 8 * 2**30
HASH, ARRAYS_HASH = "blake2b", "arrays_blake2b"
"""Fields of the description: hash of all its other fields as canonical JSON, and of the whole safetensors file, which has none itself."""
COMMON = ("format", "format_version", "environment", "observation_size", "num_actions", "action_size", "absorbing", "kind", "net")
COST = ("sign", "horizon", "action_low", "action_high", "clip_range", "tilt", "reference")
POLICY = ("mean", "log_scale.net", "scale_kind", "log_scale_range", "margin", "when_over")
FIELDS = {"cost": {*COMMON, *COST, HASH, ARRAYS_HASH}, "policy": {*COMMON, *POLICY, HASH, ARRAYS_HASH}}
"""All that a description can say."""
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

    Files that were written before there were hashes, and name none, are read as they are.
    """
    path = Path(folder) / f"{name}.json"
    description = _read_description(path, name)
    arrays = _read_arrays(path.with_suffix(".safetensors"), description.get(ARRAYS_HASH))
    return Saved(path, description, arrays)


def sealed(description: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
    """The description with the hashes of the arrays beside it and of itself."""
    whole = {**description, ARRAYS_HASH: _digest(payload)}
    return {**whole, HASH: _digest_of(whole)}


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
        description = parse_json(_read(path))
    except ValueError as error:
        raise StorageError(f"{path}: expected JSON, got a damaged file ({error}); {REMEDY}") from error
    found = (description.get("format"), description.get("format_version")) if isinstance(description, dict) else None
    if found != (f"triality-{name}", FORMAT_VERSION):
        raise StorageError(f"{path}: expected format triality-{name} of version {FORMAT_VERSION}, got {found}; {REMEDY}")
    unknown = sorted(description.keys() - FIELDS[name])
    if unknown:
        raise StorageError(f"{path}: expected the fields of format version {FORMAT_VERSION}, got {', '.join(unknown[:5])} too; {REMEDY}")
    if (HASH in description) != (ARRAYS_HASH in description):
        raise StorageError(f"{path}: expected both hashes or, in older files, none, got one; {REMEDY}")
    if HASH in description and description[HASH] != _digest_of(description):
        raise StorageError(f"{path}: expected the description that its '{HASH}' is the hash of, got another: it was changed; {REMEDY}")
    return description


def _read_arrays(path: Path, hashed: Any) -> dict[str, np.ndarray]:
    library, payload = _safetensors(), _read(path)
    if hashed is not None and hashed != _digest(payload):
        raise StorageError(f"{path}: expected the arrays that '{ARRAYS_HASH}' of the description is the hash of, got others; {REMEDY}")
    try:
        parse_json(payload[8 : 8 + int.from_bytes(payload[:8], "little")])  # the library takes the last of two arrays of one name
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
        return read_short_file(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise StorageError(f"{path}: expected an exported file, got '{got}'; give the --out of triality export") from error


def _digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=32).hexdigest()


def _digest_of(description: Mapping[str, Any]) -> str:
    return _digest(canonical_json({name: value for name, value in description.items() if name != HASH}).encode())

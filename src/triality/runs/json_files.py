"""JSON as the run folder holds it: plain values, no NaN, no repeated names, files replaced all at once. Imports no jax."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from triality.errors import StorageError
from triality.runs.atomic import replace_file


def to_json_value(value: Any) -> Any:
    """``value`` in the words of JSON: arrays become lists, records become objects, NaN and infinities become null.

    Example:
        >>> to_json_value({"loss": float("nan"), "ess": np.float32(2.0), "path": Path("run")})
        {'loss': None, 'ess': 2.0, 'path': 'run'}

    Raises:
        StorageError: a value that has no such form, or a key that is no text.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return to_json_value(value.value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return {name: to_json_value(item) for name, item in zip(names, value, strict=True)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise StorageError(f"expected text as the keys of a JSON object, got {list(value)[:5]}; name them")
        return {key: to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(item) for item in value]
    if hasattr(value, "__array__"):  # numpy and jax alike, without importing jax
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            return to_json_value(array.tolist())
    raise StorageError(f"expected a value that JSON can hold, got {type(value).__name__}; convert it to numbers, text, lists or records")


def canonical_json(value: Any) -> str:
    """The one text of ``value``: sorted keys, no spaces; equal values give equal texts."""
    return json.dumps(to_json_value(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON, a name given twice in one object, or NaN and infinities, which are no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as indented JSON, all at once.

    Raises:
        StorageError: ``value`` has no JSON form, or the file cannot be written.
    """
    text = json.dumps(to_json_value(value), indent=2, allow_nan=False) + "\n"
    replace_file(path, lambda file: _write_all(file, text))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``.

    Raises:
        StorageError: missing, unreadable, damaged, or no object.
    """
    try:
        value = parse_json(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path}: expected a readable JSON file, got '{error.strerror}'; check the path") from error
    except ValueError as error:
        raise StorageError(f"{path}: expected a JSON object, got a damaged file ({error}); restore it or run again") from error
    if not isinstance(value, dict):
        raise StorageError(f"{path}: expected a JSON object, got a {type(value).__name__}; restore it or run again")
    return value


def _write_all(file: BinaryIO, text: str) -> None:
    file.write(text.encode())


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is given twice")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")

"""JSON as the run folder holds it: plain values, no NaN, no repeated names, files replaced all at once. Imports no jax."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import stat
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from triality.errors import StorageError
from triality.runs.atomic import replace_file

MOST_BYTES = 16 * 2**20
"""Of a JSON file that is read."""
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON writes half of a character beyond 16 bits. Text with one half alone cannot be printed or written."""


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
        ValueError: not JSON in UTF-8, a name given twice in one object, halves of characters, or NaN, infinities and numbers too large
            for float64, which are no JSON or would become infinities.

    Example:
        >>> parse_json('{"rate": 1e-3}')
        {'rate': 0.001}
        >>> parse_json('{"rate": 1e999}')
        Traceback (most recent call last):
        ValueError: 1e999 is too large for a number
    """
    return _parsed(text, parse_constant=_refuse_constant, parse_float=_finite)


def parse_foreign_json(text: str | bytes) -> Any:
    """As ``parse_json``, for what other programs wrote: some of them write NaN and infinities.

    Raises:
        ValueError: as ``parse_json``, but for those.
    """
    return _parsed(text)


def read_short_file(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All of a file that should be short: no more than that much is ever read.

    Raises:
        OSError: missing or unreadable.
        ValueError: longer.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe would wait for a writer; a folder is refused by the system
        raise ValueError("no ordinary file")
    with open(path, "rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"longer than {most_bytes} bytes")
    return content


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
        value = parse_json(read_short_file(path))
    except OSError as error:
        raise StorageError(f"{path}: expected a readable JSON file, got '{error.strerror}'; check the path") from error
    except ValueError as error:
        raise StorageError(f"{path}: expected a JSON object, got a damaged file ({error}); restore it or run again") from error
    if not isinstance(value, dict):
        raise StorageError(f"{path}: expected a JSON object, got a {type(value).__name__}; restore it or run again")
    return value


def _write_all(file: BinaryIO, text: str) -> None:
    file.write(text.encode())


def _parsed(text: str | bytes, **hooks: Any) -> Any:
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        value = json.loads(text, object_pairs_hook=_unique, **hooks)
        if HALF_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # raises for a half without its other half
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is given twice")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.40} is too large for a number")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")

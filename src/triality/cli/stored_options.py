"""Options as ``config.json`` holds them, read back into their dataclass: each of its own type, or one error that names all that are not.

Imports no jax.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from triality.cli.keeping_options import without_keeping
from triality.errors import StorageError

T = TypeVar("T")
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path, as text", type(None): "null"}


def options_from(kind: type[T], config: Mapping[str, Any], path: Path) -> T:
    """``kind`` with the options of ``config``, but for those on how the run was kept; what is missing has its default.

    Args:
        kind: dataclass of a command's options.
        config: as of ``config.json``.
        path: of that file, for errors.

    Raises:
        StorageError: an option that ``kind`` does not have, one of another type, or one that is missing and has no default.

    Example:
        >>> from triality.cli.options import EvalOptions
        >>> options_from(EvalOptions, {"run": "runs/mine"}, Path("config.json")).run.name
        'mine'
        >>> options_from(EvalOptions, {"run": "runs/mine", "episodes": "7"}, Path("config.json"))
        Traceback (most recent call last):
        triality.errors.StorageError: config.json: expected episodes as a whole number, got "7"; restore it or run again
    """
    given, hints = without_keeping(config), get_type_hints(kind)
    named = {each.name: hints[each.name] for each in fields(kind)}  # pyright: ignore[reportArgumentType]
    wrong = [
        f"expected {name} as {_words(named[name])}, got {_told(value)}"
        for name, value in given.items()
        if not _fits(value, named.get(name, Any))
    ]
    wrong += [f"expected no option '{name}', got {_told(value)}" for name, value in given.items() if name not in named]
    if wrong:
        raise StorageError(f"{path}: {'; '.join(wrong)}; restore it or run again")
    try:
        return kind(**{name: _as(value, named[name]) for name, value in given.items()})
    except TypeError as error:
        raise StorageError(f"{path}: expected the options of the command, got {error}; restore it or run again") from error


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    """JSON knows no paths, and writes a number that is whole without a point."""
    for each in _alternatives(hint):
        if get_origin(each) is Literal:
            found = any(value == choice and type(value) is type(choice) for choice in get_args(each))
        elif get_origin(each) is tuple:
            found = isinstance(value, list) and all(_fits(one, get_args(each)[0]) for one in value)
        elif each is float:
            found = isinstance(value, int | float) and not isinstance(value, bool)
        elif each is Path:
            found = isinstance(value, str)
        elif each in WORDS:
            found = type(value) is each
        else:
            found = True
        if found:
            return True
    return False


def _as(value: Any, hint: Any) -> Any:
    """Of the type that JSON does not have."""
    kinds = _alternatives(hint)
    if Path in kinds and value is not None:
        return Path(value)
    if isinstance(value, list):
        return tuple(_as(one, get_args(hint)[0]) for one in value)
    return float(value) if float in kinds and isinstance(value, int) else value


def _words(hint: Any) -> str:
    return " or ".join(map(_word, _alternatives(hint)))


def _word(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    return f"a list, each {_words(get_args(hint)[0])}" if get_origin(hint) is tuple else WORDS[hint]


def _told(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

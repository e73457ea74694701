"""Named arrays of one observation, chosen by key and laid side by side as one vector a step. Imports no jax.

The order is fixed: sorted names (parts of a path one by one, numbers as numbers), or the order of the keys asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from triality.data.columns import COLUMNS
from triality.data.demonstrations import problem_report
from triality.errors import DataError

Keys = Sequence[str] | None
IMAGE_SIDE = 32
"""Pixels from which two sides make a picture; smaller ones (grids of cells) are pictures only where they hold bytes."""
JPEG = (0xFF, 0xD8, 0xFF)
PICTURE = "pictures, which are not read; choose other parts with --keys (keys= in Python)"


def sorted_names(names: Sequence[str]) -> list[str]:
    """Paths in the one order that they are read in.

    Example:
        >>> sorted_names(["state/10", "state/9", "goal"])
        ['goal', 'state/9', 'state/10']
    """
    return sorted(names, key=lambda name: [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in name.split("/")])


def choose_names(source: str, names: Sequence[str], keys: Keys = None) -> list[str]:
    """The names that are read, in order: all of them sorted, or those that ``keys`` ask for.

    A key is a whole name, the beginning of one up to a ``/`` (all below it, sorted), or the end of one after a ``/``.

    Raises:
        DataError: a key that stands for nothing, for several names, or for one that another key has taken.

    Example:
        >>> choose_names("file", ["body/velocity", "body/position", "goal"], ("goal", "velocity"))
        ['goal', 'body/velocity']
    """
    if keys is None:
        return sorted_names(names)
    problems: list[str] = []
    chosen = [name for key in keys for name in _named(key, names, problems)]
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice:
        problems.append(f"keys: expected every part of the observation once, got {', '.join(twice)} more than once; leave one out")
    if not keys:
        problems.append("keys: expected at least one, got none; name some, or leave the option out")
    if problems:
        raise DataError(problem_report(source, problems))
    return chosen


def _named(key: str, names: Sequence[str], problems: list[str]) -> list[str]:
    if key in names:
        return [key]
    below = sorted_names([name for name in names if name.startswith(f"{key}/")])
    ends = [name for name in names if name.endswith(f"/{key}")]
    if below or len(ends) == 1:
        return below or ends
    if ends:
        problems.append(
            f"keys: expected one part of the observation called '{key}', got {', '.join(sorted_names(ends))}; give the whole name"
        )
        return []
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    guess = f"did you mean '{close[0]}'? " if close else ""
    problems.append(
        f"keys: expected a part of the observation, got '{key}'; {guess}choose among {', '.join(sorted_names(names)) or 'none'}"
    )
    return []


def flatten(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """The arrays side by side, (rows, sum of sizes), and what is wrong with them, one text each (then the matrix is empty).

    One number a row is one coordinate, whatever it counts; a matrix a row is laid out row by row. Numbers are widened where nothing is
    lost: integers beside floats become floats.

    Args:
        arrays: by name, in the order wanted, one row a step.

    Example:
        >>> flatten({"a": np.ones((2, 3)), "b": np.array([5, 6])})[0].tolist()
        [[1.0, 1.0, 1.0, 5.0], [1.0, 1.0, 1.0, 6.0]]
    """
    problems, parts = [], []
    for name, array in arrays.items():
        part = _as_matrix(array)
        if isinstance(part, str):
            problems.append(f"{name}: {part}")
        else:
            parts.append(part)
    rows = {name: len(array) for name, array in arrays.items() if array.ndim}
    if not problems and len(set(rows.values())) > 1:
        told = ", ".join(f"{count} in {name}" for name, count in rows.items())
        problems.append(f"expected as many rows in every part of the observation, got {told}; record them together")
    return (np.zeros((0, 0)) if problems else np.concatenate(parts, axis=1)), problems


def _as_matrix(array: np.ndarray) -> np.ndarray | str:
    if array.dtype.kind not in "fiub":
        return f"expected numbers, got {array.dtype}; choose other parts with --keys (keys= in Python)"
    if is_picture(array):
        return f"expected numbers of a state, got {PICTURE}"
    if array.ndim == 0 or 0 in array.shape:
        return f"expected a row a step, got shape {array.shape}; record them again, or leave this part out"
    return COLUMNS["observations"].convert(array.reshape(len(array), -1))


def is_picture(array: np.ndarray) -> bool:
    """Whether each row is a picture: two sides or more, of bytes or of many cells; or the bytes of a JPEG file.

    Example:
        >>> is_picture(np.zeros((5, 8, 8, 3), np.uint8)), is_picture(np.zeros((5, 8, 8))), is_picture(np.zeros((5, 300)))
        (True, False, False)
    """
    if array.ndim == 2 and array.dtype == np.uint8 and array.shape[1] > len(JPEG):
        return bool(len(array)) and bool((array[:, : len(JPEG)] == JPEG).all())
    return array.ndim > 2 and (array.dtype == np.uint8 or sorted(array.shape[1:])[-2] >= IMAGE_SIDE)

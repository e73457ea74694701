"""What each array of a demonstration file must be. Safe widening is done; a lossy conversion is refused. Imports no jax."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Column:
    """One array of a file.

    Args:
        rows: what a row is, ``step`` or ``trajectory``.
        convert: the array in its own type, or the problem as text.
        required: whether a file must have it.
    """

    rows: str
    convert: Callable[[np.ndarray], np.ndarray | str]
    required: bool = False


def _to_floats(array: np.ndarray) -> np.ndarray | str:
    """float32 where that is exact, else float64."""
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return array.astype(np.float32 if array.dtype.itemsize < 4 else array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind in "iub":
        largest = max((abs(int(extreme(array))) for extreme in (np.min, np.max)), default=0) if array.size else 0
        if largest <= 2**53:
            return array.astype(np.float32 if largest <= 2**24 else np.float64)
        return f"expected numbers that float64 holds exactly, got {array.dtype} up to {largest}; scale them and save floats"
    return f"expected floats, got {array.dtype}; convert with .astype(numpy.float32)"


def _to_matrix(array: np.ndarray) -> np.ndarray | str:
    if array.ndim != 2 or array.shape[1] == 0:
        return f"expected shape (steps, coordinates), got {array.shape}; stack all trajectories along the first axis"
    return _to_floats(array)


def _to_actions(array: np.ndarray) -> np.ndarray | str:
    """Integers of shape (steps,) are discrete, floats of shape (steps, coordinates) are continuous; nothing is guessed."""
    whole = array.dtype.kind in "iub"
    if array.ndim == 1 and whole:
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            return f"expected indices of actions, got {array.max()}; number the actions from 0"
        return array.astype(np.int64, copy=False)
    if array.ndim == 2 and array.shape[1] > 0 and not whole:
        return _to_floats(array)
    return (
        f"expected integers of shape (steps,) for discrete or floats of shape (steps, coordinates) for continuous actions, "
        f"got {array.dtype} of shape {array.shape}; reshape or convert them"
    )


def _to_vector(array: np.ndarray) -> np.ndarray | str:
    if array.ndim != 1:
        return f"expected one number a row, got shape {array.shape}; flatten or sum it over its last axis"
    return _to_floats(array)


def _to_flags(array: np.ndarray) -> np.ndarray | str:
    if array.ndim != 1 or array.dtype.kind not in "biu" or (array.size and (array.min() < 0 or array.max() > 1)):
        return f"expected one boolean a step, got {array.dtype} of shape {array.shape}; convert with .astype(bool)"
    return array.astype(bool, copy=False)


def _to_lengths(array: np.ndarray) -> np.ndarray | str:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        return f"expected one integer a trajectory, got {array.dtype} of shape {array.shape}; convert with .astype(numpy.int64)"
    if array.size == 0:
        return "expected at least one trajectory, got none; record some"
    if int(array.max()) > np.iinfo(np.int64).max:
        return f"expected numbers of steps, got {array.max()}; save the length of each trajectory"
    if int(array.min()) < 1:
        first = int(np.argmax(array < 1))
        return f"expected at least one step in every trajectory, got {array[first]} in trajectory {first}; leave empty ones out"
    return array.astype(np.int64, copy=False)


COLUMNS: Mapping[str, Column] = {
    "observations": Column("step", _to_matrix, required=True),
    "actions": Column("step", _to_actions, required=True),
    "lengths": Column("trajectory", _to_lengths, required=True),
    "rewards": Column("step", _to_vector),
    "next_observations": Column("step", _to_matrix),
    "terminated": Column("step", _to_flags),
    "truncated": Column("step", _to_flags),
    "log_prob": Column("step", _to_vector),
    "weights": Column("trajectory", _to_vector),
}


def name_problems(names: Collection[str], also: tuple[str, ...] = ()) -> list[str]:
    """Required arrays that are not there, and names that mean nothing (with the nearest one that does)."""
    known = [*COLUMNS, *also]
    problems = []
    for name in sorted(set(names) - set(known)):
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        problems.append(
            f"{name}: expected one of {', '.join(known)}, got another name; {f'rename it to {close[0]}' if close else 'leave it out'}"
        )
    missing = [name for name, column in COLUMNS.items() if column.required and name not in names]
    return problems + [f"{name}: expected this array, got none; save it with the others" for name in missing]


def convert_columns(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays in their own types, and every problem found, one text each (empty: all is well).

    Args:
        arrays: some of the names of ``COLUMNS``; other names are the caller's to refuse.
    """
    converted: dict[str, np.ndarray] = {}
    problems = []
    for name, array in arrays.items():
        result = COLUMNS[name].convert(array)
        if isinstance(result, str):
            problems.append(f"{name}: {result}")
        else:
            converted[name] = result
    problems += [text for name, array in converted.items() for text in _finite_problems(name, array)]
    problems += _row_problems(converted)
    if not problems and {"observations", "lengths"} <= converted.keys():
        problems = _flag_problems(converted) + _weight_problems(converted) + _next_problems(converted)
    return converted, problems


def _finite_problems(name: str, array: np.ndarray) -> list[str]:
    if array.dtype.kind != "f":
        return []
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(array) <= FLOAT32_MAX)
    if not bad.any():
        return []
    first = tuple(int(i) for i in np.unravel_index(np.argmax(bad), array.shape))
    place = first[0] if len(first) == 1 else first
    nan, large = int(np.isnan(array).sum()), int((bad & np.isfinite(array)).sum())
    kinds = {"NaN": nan, "infinite": int(bad.sum()) - nan - large, "beyond float32": large}
    counts = " and ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return [f"{name}: expected finite numbers, got {counts}, the first at index {place}; repair or leave out those trajectories"]


def _row_problems(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Every step array has as many rows as the lengths add up to; if all agree among themselves, it is the lengths that are wrong."""
    rows = {name: len(array) for name, array in columns.items() if COLUMNS[name].rows == "step"}
    problems = [f"{name}: expected at least one step, got none; record some" for name, count in rows.items() if count == 0]
    lengths = columns.get("lengths")
    if problems or not rows or lengths is None:
        return problems
    total = sum(lengths.tolist())
    if set(rows.values()) == {next(iter(rows.values()))} != {total} and len(rows) > 1:
        count = next(iter(rows.values()))
        problems = [f"lengths: expected the lengths to add up to the {count} steps of the other arrays, got {total}; save them again"]
    else:
        problems = [
            f"{name}: expected {total} rows (the sum of lengths), got {count}; {_row_remedy(name, count - total, len(lengths))}"
            for name, count in rows.items()
            if count != total
        ]
    weights = columns.get("weights")
    if weights is not None and len(weights) != len(lengths):
        problems.append(f"weights: expected one a trajectory ({len(lengths)}), got {len(weights)}; save them again")
    return problems


def _row_remedy(name: str, surplus: int, num_trajectories: int) -> str:
    if name == "observations" and surplus == num_trajectories:
        return "leave out the last observation of each trajectory here, and give every step's successor as next_observations"
    return "save one row a step"


def _flag_problems(columns: Mapping[str, np.ndarray]) -> list[str]:
    inside = np.ones(len(columns["observations"]), bool)
    inside[np.cumsum(columns["lengths"]) - 1] = False
    return [
        f"{name}: expected it only at the last step of a trajectory, got it at index {int(np.argmax(columns[name] & inside))}; correct them"
        for name in ("terminated", "truncated")
        if name in columns and np.any(columns[name] & inside)
    ]


def _weight_problems(columns: Mapping[str, np.ndarray]) -> list[str]:
    weights = columns.get("weights")
    if weights is None or (weights.min() >= 0 and weights.max() > 0):
        return []
    return [
        f"weights: expected none below zero and one above, got {weights.min():g} to {weights.max():g}; save weights, not their logarithms"
    ]


def _next_problems(columns: Mapping[str, np.ndarray]) -> list[str]:
    after, before = columns.get("next_observations"), columns["observations"]
    if after is None or after.shape == before.shape:
        return []
    return [f"next_observations: expected the shape {before.shape} of observations, got {after.shape}; save both of one environment"]

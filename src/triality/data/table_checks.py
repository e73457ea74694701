"""A table against what a generator of known density can learn: the last check before anything compiles. Imports no jax.

What has no density is refused, with every problem named; what only should be known becomes a note. Nothing is repaired in silence.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from triality.data.columns import FLOAT32_MAX
from triality.data.demonstrations import problem_report
from triality.data.table import MOST_LEVELS, MOST_NAMED, Kind, Table
from triality.data.table_columns import Repeats, column_problems, copies, named, table_repeats
from triality.data.table_split import Split, size_problems, split_notes, split_table, unseen_levels
from triality.errors import DataError


class CheckedTable(NamedTuple):
    """Rows apart by what they are for, and what the user should be told.

    Fields:
        train, valid, test: rows.
        notes: one sentence each; empty where there is nothing to say.
    """

    train: Float[np.ndarray, "n dim"]
    valid: Float[np.ndarray, "v dim"]
    test: Float[np.ndarray, "t dim"]
    notes: tuple[str, ...]


def check_table(table: Table, kind: Kind | Literal["auto"] = "auto", dequantize: bool = False, seed: int = 0) -> CheckedTable:
    """Check the rows for generators of a kind, and split them: as the file does, else 80 % to train, 10 % to choose, 10 % to judge.

    Args:
        table: what was read.
        kind: what the generator is a density of; ``auto`` takes the table's own kind, or ``continuous`` to dequantize.
        dequantize: add uniform noise, as wide as the smallest step, to columns of few values (to all pixels of images, with one step);
            for ``continuous`` only. With log of the step added, likelihoods are lower bounds of those of the discrete values.
        seed: of the split and of the noise.

    Raises:
        DataError: all problems that can be found together are listed together.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(200, 2))
        >>> checked = check_table(Table({"all": rows}, ("a", "b"), (2,)))
        >>> checked.train.shape, checked.notes
        ((160, 2), ())
        >>> check_table(Table({"all": np.stack([rows[:, 0], np.ones(200)], axis=1)}, ("a", "b"), (2,)))
        Traceback (most recent call last):
        triality.errors.DataError: data: expected columns that vary in training, got constant ones: 'b'; leave them out (--columns)
    """
    if kind == "auto":
        kind = "continuous" if dequantize else table.kind
    problems = _finite_problems(table) + size_problems(table)
    if problems:  # the other checks need numbers, and a few rows of them
        raise DataError(problem_report("data", problems))
    split = split_table(table, seed)
    found = table_repeats(table) if kind == "continuous" else []
    problems = _kind_problems(table, kind, dequantize)
    problems += column_problems(table, split.train, found, dequantize) if kind == "continuous" else []
    unseen = unseen_levels(table, split) if kind != "continuous" and not problems else []
    if unseen and kind == "integer":
        problems.append(
            f"expected no category in validation or test that training has not, got new ones in {_told(unseen)}; "
            "join rare categories, or split otherwise (--seed)"
        )
    if problems:
        raise DataError(problem_report("data", problems))
    notes = split_notes(table, split, by_chance=kind != "continuous" or dequantize)
    if unseen:
        notes.append(f"validation or test has values that training has not, in {_told(unseen)}: their likelihood is a guess")
    twins = copies(table.rows) if kind != "continuous" and not table.is_image else []
    if twins:
        notes.append(f"columns are copies of each other: {_told([f'{table.name(i)} and {table.name(j)}' for i, j in twins])}")
    if kind == "continuous" and dequantize:
        split, note = _dequantized(table, split, found, seed)
        notes.append(note)
    return CheckedTable(*split, tuple(notes))


def refuse_impossible(log_q: Float[np.ndarray, " n"], what: str) -> None:
    """Raise where a generator gives rows density zero, or none at all: nothing can be learned from them.

    Args:
        log_q: log density of each row under the generator, in nats.
        what: the rows, for people.

    Raises:
        DataError: counts the rows and names the first.

    Example:
        >>> refuse_impossible(np.array([-3.0, -1e4]), "test data")
    """
    kinds = {"density zero (log q = -inf)": log_q == -np.inf, "no number (log q = NaN or +inf)": np.isnan(log_q) | (log_q == np.inf)}
    told = [
        f"{name} for {len(rows)} of {len(log_q)} rows (the first: {', '.join(map(str, rows[:5]))})"
        for name, bad in kinds.items()
        if len(rows := np.flatnonzero(bad))
    ]
    if told:
        raise DataError(
            f"{what}: expected a generator that can make every row, got {' and '.join(told)}; "
            "use a generator of wider support, or leave those rows out"
        )


def _finite_problems(table: Table) -> list[str]:
    rows = table.rows
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(rows) <= FLOAT32_MAX)
    told = []
    for column in np.flatnonzero(bad.any(axis=0)):
        values, first = rows[bad[:, column], column], table.place(int(np.argmax(bad[:, column])))
        kinds = {"missing or NaN": np.isnan(values), "infinite": np.isinf(values), "beyond float32": np.isfinite(values)}
        counts = " and ".join(f"{int(each.sum())} {name}" for name, each in kinds.items() if each.any())
        told.append(f"{table.name(int(column))} ({counts}, the first in {first})")
    if not told:
        return []
    return [f"expected finite numbers in every cell, got others in {_told(told)}; repair or leave out those rows or columns"]


def _told(items: list[str]) -> str:
    return ", ".join(items[:MOST_NAMED]) + (f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else "")


def _kind_problems(table: Table, kind: Kind, dequantize: bool) -> list[str]:
    if kind == "continuous":
        return []
    problems = ["expected --dequantize with a continuous generator, got one of integers; leave it out"] if dequantize else []
    if kind == "binary" and table.kind != "binary":
        wrong = ~np.isin(table.rows, (0.0, 1.0))
        problems.append(_outside(table, "0 and 1", wrong, "use a generator of such columns (--generator auto chooses one)"))
    if kind == "integer" and table.kind == "continuous":
        wrong = (table.rows != np.floor(table.rows)) | (table.rows < 0) | (table.rows >= MOST_LEVELS)
        remedy = "use a generator of numbers (--generator auto chooses one), or number the categories from 0"
        problems.append(_outside(table, f"whole numbers from 0 to {MOST_LEVELS - 1}", wrong, remedy))
    return problems


def _outside(table: Table, expected: str, wrong: np.ndarray, remedy: str) -> str:
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    return (
        f"expected {expected}, got {int(wrong.sum())} other values, the first {table.rows[row, column]:g} in {table.place(row)} of "
        f"{table.name(column)}; {remedy}"
    )


def _dequantized(table: Table, split: Split, found: list[Repeats], seed: int) -> tuple[Split, str]:
    """The rows with noise, and the sentence that says so."""
    steps = np.array([each.step for each in found])
    rng = np.random.default_rng(seed)
    noisy = Split(*(part + steps * rng.random(part.shape) for part in split))
    columns = [int(column) for column in np.flatnonzero(steps)]
    if not columns:
        return noisy, "no column has few values: --dequantize added no noise"
    what = f"all pixels (width {steps[0]:g})" if table.is_image else named(table, columns)
    return noisy, f"uniform noise was added to {what}, as wide as the smallest step of each: likelihoods are of the noisy data"

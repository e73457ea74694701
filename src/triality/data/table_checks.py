"""A table against what a generator of known density can learn: the last check before anything compiles. Imports no jax.

A density of numbers is infinite where a value repeats, and a likelihood on such data grows without end while nothing is learned: columns
of few values are refused for continuous generators, or smeared by noise as wide as their smallest step, and that is said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.data.demonstrations import problem_report
from triality.data.table import Kind, Table
from triality.errors import DataError

LEAST_ROWS = 20
"""Rows for training, validation and test together: fewer make a density of nothing."""
SHARES = (0.8, 0.9)
REPEATED = 0.05
"""Share of one value in a column, from which a density of numbers piles up on it."""
DISTINCT = 0.2
"""Share of different values in a column, below which it is one of few values."""
MOST_NAMED = 8


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


def check_table(table: Table, kind: Kind, dequantize: bool = False, seed: int = 0) -> CheckedTable:
    """Check the rows for generators of a kind, and split them: as the file does, else 80 % to train, 10 % to choose, 10 % to judge.

    Args:
        table: what was read.
        kind: what the generator is a density of.
        dequantize: add noise to columns of few values; for ``continuous`` only.
        seed: of the split and of the noise.

    Raises:
        DataError: all problems that can be found together are listed together.
    """
    problems = _finite_problems(table)
    if not problems:
        problems = _row_problems(table) + _kind_problems(table, kind, dequantize) + _column_problems(table, kind)
    train, valid, test = _split(table, seed)
    if not problems and kind == "integer":
        problems = _level_problems(table, train, (valid, test))
    if problems:
        raise DataError(problem_report("data", problems))
    notes = _notes(table, kind, train, test)
    if kind == "continuous" and dequantize:
        steps = _steps(table)
        rng = np.random.default_rng(seed)
        train, valid, test = (part + steps * rng.random(part.shape) for part in (train, valid, test))
        named = ", ".join(table.name(int(column)) for column in np.flatnonzero(steps)[:MOST_NAMED])
        notes += (f"uniform noise was added to {named}, as wide as the smallest step of each: likelihoods are of the noisy data",)
    return CheckedTable(train, valid, test, notes)


def refuse_impossible(log_q: Float[np.ndarray, " n"], what: str) -> None:
    """Raise where a generator gives rows density zero: nothing can be learned from them.

    Raises:
        DataError: counts the rows and names the first.
    """
    rows = np.flatnonzero(~np.isfinite(log_q))
    if rows.size:
        first = ", ".join(str(row) for row in rows[:5])
        raise DataError(
            f"{what}: expected a generator that can make every row, got density zero for {rows.size} of {len(log_q)} (rows {first}); "
            "use a generator of wider support, or leave those rows out"
        )


def _finite_problems(table: Table) -> list[str]:
    rows = table.rows
    bad = ~np.isfinite(rows)
    if not bad.any():
        return []
    columns = np.flatnonzero(bad.any(axis=0))
    told = ", ".join(
        f"{table.name(int(c))} ({int(bad[:, c].sum())}, the first in row {int(np.argmax(bad[:, c]))})" for c in columns[:MOST_NAMED]
    )
    return [f"expected finite numbers, got missing, NaN or infinite cells in {told}; repair or leave out those rows or columns"]


def _row_problems(table: Table) -> list[str]:
    if len(table.rows) < LEAST_ROWS:
        return [f"expected at least {LEAST_ROWS} rows, got {len(table.rows)}; a density needs many more"]
    small = [f"{len(rows)} in {name}" for name, rows in table.parts.items() if len(rows) < 2]
    return [f"expected at least two rows in every part, got {', '.join(small)}; split them otherwise"] if small else []


def _kind_problems(table: Table, kind: Kind, dequantize: bool) -> list[str]:
    if kind == "continuous":
        return [] if dequantize else _repeated_problems(table)
    if dequantize:
        return ["expected --dequantize with a continuous generator, got one of integers; leave it out"]
    if kind == "binary" and table.kind != "binary":
        return [_outside(table, "0 and 1", ~np.isin(table.rows, (0.0, 1.0)), "use a generator of integers or of numbers")]
    if kind == "integer" and table.kind == "continuous":
        wrong = (table.rows != np.floor(table.rows)) | (table.rows < 0) | (table.rows > 255)
        return [_outside(table, "whole numbers from 0 to 255", wrong, "use a generator of numbers, or number the categories from 0")]
    return []


def _outside(table: Table, expected: str, wrong: np.ndarray, remedy: str) -> str:
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    return (
        f"expected {expected}, got {int(wrong.sum())} other values, the first {table.rows[row, column]:g} in row {row} of "
        f"{table.name(column)}; {remedy}"
    )


def _repeated_problems(table: Table) -> list[str]:
    """Columns whose values repeat: there a density of numbers has no bound."""
    few = [int(column) for column in np.flatnonzero(_steps(table))]
    few = [column for column in few if np.ptp(table.rows[:, column]) > 0]
    if not few:
        return []
    named = ", ".join(table.name(column) for column in few[:MOST_NAMED]) + (
        f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
    )
    return [
        f"expected columns of numbers that hardly repeat, got few different values in {named}: there a density has no bound; "
        "add --dequantize (noise as wide as their step), use a generator of integers, or leave them out"
    ]


def _steps(table: Table) -> Float[np.ndarray, " dim"]:
    """Smallest step between the values of a column of few values; 0 where values hardly repeat."""
    steps = np.zeros(table.rows.shape[1])
    for column, values in enumerate(table.rows.T):
        distinct, counts = np.unique(values, return_counts=True)
        repeats = counts.max() > 1 and (counts.max() >= max(2, REPEATED * len(values)) or len(distinct) < DISTINCT * len(values))
        if repeats and len(distinct) > 1:
            steps[column] = np.diff(distinct).min()
    return steps


def _column_problems(table: Table, kind: Kind) -> list[str]:
    """Of numbers: constant and duplicate columns, on which a density is infinite. Integers may have both."""
    if kind != "continuous":
        return []
    rows = table.rows
    constant = [
        column for column in range(rows.shape[1]) if np.ptp(rows[:, column]) <= 1e-12 * max(1.0, float(np.abs(rows[:, column]).max()))
    ]
    problems = []
    if constant:
        named = ", ".join(table.name(column) for column in constant[:MOST_NAMED])
        problems.append(f"expected columns that vary, got constant ones: {named}; leave them out")
    twins = _duplicates(rows, constant)
    if twins:
        named = ", ".join(f"{table.name(first)} and {table.name(second)}" for first, second in twins[:MOST_NAMED])
        problems.append(f"expected columns that are no copies of each other, got {named}: their joint density has no bound; leave one out")
    return problems


def _duplicates(rows: np.ndarray, constant: list[int]) -> list[tuple[int, int]]:
    """Pairs that are equal up to shift and scale."""
    usable = [column for column in range(rows.shape[1]) if column not in constant]
    if len(usable) < 2 or len(usable) > 2000:
        return []
    scaled = rows[:, usable] - rows[:, usable].mean(axis=0)
    scaled = scaled / np.sqrt((scaled**2).sum(axis=0))
    close = np.triu(1.0 - np.abs(scaled.T @ scaled) < 1e-12, 1)
    return [(usable[int(i)], usable[int(j)]) for i, j in np.argwhere(close)]


def _split(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if "all" in table.parts:
        rows = table.parts["all"][rng.permutation(len(table.parts["all"]))]
        ends = [max(1, round(share * len(rows))) for share in SHARES]
        train, valid, test = np.split(rows, ends)
        return train, valid, test
    train, test = table.parts["train"], table.parts["test"]
    if "valid" in table.parts:
        return train, table.parts["valid"], test
    train = train[rng.permutation(len(train))]
    end = max(1, round(0.9 * len(train)))
    return train[:end], train[end:], test


def _level_problems(table: Table, train: np.ndarray, others: tuple[np.ndarray, ...]) -> list[str]:
    """Levels that no training row has: a likelihood of zero, or of what nothing was learned about."""
    unseen = []
    for column in range(train.shape[1]):
        seen = set(np.unique(train[:, column]).tolist())
        new = sorted({value for other in others for value in np.unique(other[:, column]).tolist()} - seen)
        if new:
            unseen.append(f"{table.name(column)} ({', '.join(f'{value:g}' for value in new[:3])})")
    if not unseen:
        return []
    return [
        f"expected no category in validation or test that training has not, got new ones in {', '.join(unseen[:MOST_NAMED])}; "
        "join rare categories, or split otherwise (--seed)"
    ]


def _notes(table: Table, kind: Kind, train: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    notes = []
    if kind == "continuous":
        known = {row.tobytes() for row in train}
        shared = sum(row.tobytes() in known for row in test)
        if shared:
            notes.append(f"{shared} of {len(test)} test rows are training rows as well: the test likelihood flatters the model")
    if kind != "continuous":
        constant = [table.name(column) for column in range(train.shape[1]) if np.ptp(train[:, column]) == 0]
        if constant:
            notes.append(f"{len(constant)} columns never change in training, such as {constant[0]}")
    if len(train) < 10 * train.shape[1]:
        notes.append(
            f"{len(train)} training rows for {train.shape[1]} columns are few: expect the generator to overfit, and read test figures only"
        )
    return tuple(notes)

"""Rows apart by what they are for: training, validation, test; and what the parts of a table must have in common. Imports no jax."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.data.table import MOST_NAMED, Table

LEAST_ROWS = 20
"""Rows to learn from, or to split where the file does not: fewer make a density of nothing."""
LEAST_OTHERS = 2
SHARES = (0.8, 0.9)
"""Where the rows are cut: training, validation, test."""
TRAINED = 0.9
"""Share of training rows that stay so where a file brings a test part and no validation."""


class Split(NamedTuple):
    """Rows apart by what they are for.

    Fields:
        train: to learn from.
        valid: to choose by, such as when to stop.
        test: to judge by, once.
    """

    train: Float[np.ndarray, "n dim"]
    valid: Float[np.ndarray, "v dim"]
    test: Float[np.ndarray, "t dim"]


def split_table(table: Table, seed: int) -> Split:
    """As the file has it; else a permutation that ``seed`` fixes, 80 % to train, 10 % to choose, 10 % to judge.

    Example:
        >>> split = split_table(Table({"all": np.arange(40.0)[:, None]}, (), (1,)), seed=0)
        >>> [len(part) for part in split]
        [32, 4, 4]
    """
    rng = np.random.default_rng(seed)
    if "all" in table.parts:
        rows = table.parts["all"][rng.permutation(len(table.parts["all"]))]
        return Split(*np.split(rows, [max(1, round(share * len(rows))) for share in SHARES]))
    train, test = table.parts["train"], table.parts["test"]
    if "valid" in table.parts:
        return Split(train, table.parts["valid"], test)
    train = train[rng.permutation(len(train))]
    end = max(1, round(TRAINED * len(train)))
    return Split(train[:end], train[end:], test)


def size_problems(table: Table) -> list[str]:
    """Parts with too few rows."""
    if "all" in table.parts:
        count = len(table.rows)
        return [f"expected at least {LEAST_ROWS} rows, got {count}; a density needs many more"] if count < LEAST_ROWS else []
    small = [
        f"{len(rows)} in {name}" for name, rows in table.parts.items() if len(rows) < (LEAST_ROWS if name == "train" else LEAST_OTHERS)
    ]
    if not small:
        return []
    return [f"expected at least {LEAST_ROWS} rows in train and {LEAST_OTHERS} in the others, got {', '.join(small)}; split them otherwise"]


def unseen_levels(table: Table, split: Split) -> list[str]:
    """Columns with levels that no training row has, each with the levels and the number of rows; pixels share their levels."""
    parts = [part.reshape(-1, 1) if table.is_image else part for part in split]
    told = []
    for column in range(parts[0].shape[1]):
        seen = np.unique(parts[0][:, column])
        others = np.concatenate([part[:, column] for part in parts[1:]])
        new = others[~np.isin(others, seen)]
        if len(new):
            levels = np.unique(new)
            more = ", ..." if len(levels) > 3 else ""
            cells = "pixels" if table.is_image else "rows"
            name = "the images" if table.is_image else table.name(column)
            told.append(f"{name} ({', '.join(f'{level:g}' for level in levels[:3])}{more} in {len(new)} {cells})")
    return told


def shared_rows(split: Split, by_chance: bool) -> int:
    """Test rows that are training rows as well; with ``by_chance``, 0 unless they are more than rows that repeat anyway make likely.

    Of rows drawn alike, a test row stands in training as often as a training row stands there a second time: a share r of them. What
    exceeds m r, of m test rows, by four standard deviations and three rows is no chance.
    """
    train, test = ([row.tobytes() for row in part + 0.0] for part in (split.train, split.test))  # -0.0 and 0.0 get one form
    times = Counter(train)
    count = sum(row in times for row in test)
    if by_chance:
        repeated = sum(number for number in times.values() if number > 1) / len(train)
        deviation = math.sqrt(repeated * (1 - repeated) * (len(test) + len(test) ** 2 / len(train)))
        if count <= len(test) * repeated + 4 * deviation + 3:
            return 0
    return count


def split_notes(table: Table, split: Split, by_chance: bool) -> list[str]:
    """What is not refused and should be known, one sentence each.

    Args:
        by_chance: whether rows of this kind repeat anyway, as those of few levels do.
    """
    notes = []
    shared = shared_rows(split, by_chance)
    if shared:
        notes.append(f"{shared} of {len(split.test)} test rows are training rows as well: the test likelihood flatters the model")
    if by_chance:
        flat = np.flatnonzero(np.ptp(split.train, axis=0) == 0)
        if len(flat):
            what = "pixels" if table.is_image else "columns"
            told = ", ".join(table.name(int(column)) for column in flat[:MOST_NAMED])
            more = f" and {len(flat) - MOST_NAMED} more" if len(flat) > MOST_NAMED else ""
            notes.append(f"{what} that never change in training: {told}{more}")
    num_rows, dim = split.train.shape
    if num_rows < 10 * dim:
        notes.append(f"{num_rows} training rows for {dim} columns are few: expect the generator to overfit, and read test figures only")
    return notes

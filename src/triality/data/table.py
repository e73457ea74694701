"""A table in memory: rows are samples, columns have names, and what kind of numbers they are is decided by the values. Imports no jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

Kind = Literal["continuous", "integer", "binary"]
MOST_LEVELS = 256
"""Values 0 .. 255 of an integer column; a table with more of them counts as numbers."""
MOST_CELLS = 2**29
"""Rows times columns that are read: 4 GiB of float64."""
MOST_NAMED = 8
"""Columns that a message names before it counts the rest."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds.

    Args:
        parts: ``{"all": rows}``, or ``train`` and ``test`` and perhaps ``valid`` where the file says which row is which; (n, dim) each.
        names: of the columns; empty where the file names none.
        shape: of one sample: (dim,), or (height, width) of an image that a row holds flat, row by row.

    Example:
        >>> table = Table({"all": np.array([[0.0, 1.0], [1.0, 1.0]])}, ("a", "b"), (2,))
        >>> table.kind, table.num_levels, table.rows.shape
        ('binary', 2, (2, 2))
    """

    parts: Mapping[str, Float[np.ndarray, "_ dim"]]
    names: tuple[str, ...]
    shape: tuple[int, ...]

    @cached_property
    def rows(self) -> Float[np.ndarray, "n dim"]:
        """All parts one after the other."""
        return np.concatenate(list(self.parts.values()))

    @cached_property
    def kind(self) -> Kind:
        """``binary``: 0 and 1 only. ``integer``: whole numbers from 0 to 255. ``continuous``: anything else."""
        rows = self.rows
        with np.errstate(invalid="ignore"):
            whole = bool(np.all((rows == np.floor(rows)) & (rows >= 0) & (rows < MOST_LEVELS)))
        if not whole:
            return "continuous"
        return "binary" if rows.size and rows.max() <= 1 else "integer"

    @property
    def num_levels(self) -> int:
        """Values 0 .. levels - 1 of an integer table, two of a binary one even where no 1 occurs; 0 of a continuous one."""
        return 0 if self.kind == "continuous" else max(2, int(self.rows.max()) + 1)

    @property
    def is_image(self) -> bool:
        """Whether a sample is (height, width): its columns are pixels, of one unit and with one set of levels."""
        return len(self.shape) == 2

    def name(self, column: int) -> str:
        """A column, for people: its name, its number from 0, or the place of a pixel."""
        if self.is_image:
            return "pixel ({}, {})".format(*divmod(column, self.shape[1]))
        return f"'{self.names[column]}'" if self.names else f"column {column}"

    def place(self, row: int) -> str:
        """A row of ``rows``, for people: its number from 0, in its part where there are several."""
        start = 0
        for part, rows in self.parts.items():
            if row < start + len(rows):
                return f"row {row}" if len(self.parts) == 1 else f"row {row - start} of {part}"
            start += len(rows)
        raise IndexError(f"expected a row below {start}, got {row}; count from 0")

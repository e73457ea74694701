r"""Columns that no density of numbers can be learned from: constant ones, copies of each other, values that repeat. Imports no jax.

Where a value :math:`v` has probability :math:`P(x=v)>0`, the likelihood of a density :math:`q` has no bound: a peak of width
:math:`\epsilon` gains :math:`P(x=v)\log(1/\epsilon)` and says nothing. Uniform noise as wide as the smallest step :math:`\Delta` between
values (dequantization; Theis, van den Oord and Bethge 2016) bounds it: :math:`E\log q(x+\Delta u)\le\log(P_q(x)/\Delta)`, :math:`P_q` the
probability that :math:`q` gives to the cell of :math:`x`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.data.table import MOST_NAMED, Table

PILE = 0.05
"""Share of the rows that one value holds, from which a density piles up on it."""
PILE_ROWS = 10
"""Rows that a pile has at least: fewer are alike by rounding."""
DISTINCT = 0.2
"""Share of different values in a column, below which it is one of few values."""
SAME = 1e-12
"""Spread over size, below which a column is constant; one minus the correlation, below which two columns are copies."""
NO_STEP = 1e-9
"""Gaps narrower than this share of the spread are rounding, not steps."""


class Repeats(NamedTuple):
    """What repeats in a column.

    Fields:
        step: smallest step between its values, the width of noise that fills the gaps; 0 where values hardly repeat.
        pile: the most frequent value.
        share: of the rows that hold it.
        is_mixed: beside the pile, numbers that hardly repeat and lie on no grid (rain: mostly 0); noise of one width is right for neither.
    """

    step: float
    pile: float
    share: float
    is_mixed: bool


def repeats(values: Float[np.ndarray, " n"]) -> Repeats:
    """What repeats among the values of one column.

    Example:
        >>> repeats(np.array([0.0, 0.5, 0.5, 2.0] * 10))
        Repeats(step=0.5, pile=0.5, share=0.5, is_mixed=False)
        >>> repeats(np.linspace(0.0, 1.0, 40)).step
        0.0
    """
    distinct, counts = np.unique(values, return_counts=True)
    pile, share = float(distinct[np.argmax(counts)]), float(counts.max() / len(values))
    is_piled = counts.max() >= max(PILE_ROWS, PILE * len(values))
    gaps = np.diff(distinct)
    gaps = gaps[gaps > NO_STEP * np.ptp(values)]
    if not len(gaps) or not (is_piled or len(distinct) < DISTINCT * len(values)):
        return Repeats(0.0, pile, share, False)
    once = int(np.sum(counts == 1))
    is_mixed = once >= max(3.0, PILE * len(values)) and not _on_grid(distinct, gaps.min())
    return Repeats(float(gaps.min()), pile, share, is_mixed)


def _on_grid(distinct: np.ndarray, step: float) -> bool:
    """Whether all values are whole steps from the least one; the step is fitted to the whole width, since a single gap carries rounding."""
    steps = (distinct - distinct[0]) / (np.ptp(distinct) / np.round(np.ptp(distinct) / step))
    return bool(np.max(np.abs(steps - np.round(steps))) < 0.01)


def table_repeats(table: Table) -> list[Repeats]:
    """One a column. Pixels have one unit, so all pixels of images are judged together and share one step."""
    if table.is_image:
        return [repeats(table.rows.reshape(-1))] * table.rows.shape[1]
    return [repeats(values) for values in table.rows.T]


def column_problems(table: Table, train: Float[np.ndarray, "n dim"], found: list[Repeats], dequantize: bool) -> list[str]:
    """Everything in the columns that has no density of numbers, or will have none after noise was added to those of few values."""
    smeared = [dequantize and each.step > 0 for each in found]
    flat = np.ptp(train, axis=0) <= SAME * np.abs(train).max(axis=0)
    constant = [int(column) for column in np.flatnonzero(flat) if not smeared[column]]
    problems = []
    if constant:
        problems.append(f"expected columns that vary in training, got constant ones: {named(table, constant)}; leave them out (--columns)")
    twins = [(i, j) for i, j in copies(table.rows) if not (table.is_image and smeared[i] and smeared[j])]
    if twins:
        pairs = ", ".join(f"{table.name(i)} and {table.name(j)}" for i, j in twins[:MOST_NAMED])
        more = f" and {len(twins) - MOST_NAMED} more pairs" if len(twins) > MOST_NAMED else ""
        problems.append(
            f"expected columns that are no copies of each other, got {pairs}{more}: their joint density has no bound; "
            "leave one out (--columns)"
        )
    return problems + _repeated_problems(table, found, constant, dequantize)


def _repeated_problems(table: Table, found: list[Repeats], constant: list[int], dequantize: bool) -> list[str]:
    few = [column for column, each in enumerate(found) if each.step > 0 and not each.is_mixed and column not in constant]
    mixed = [column for column, each in enumerate(found) if each.is_mixed and column not in constant]
    problems = []
    if few and not dequantize:
        other = "leave them out (--columns)" if table.kind == "continuous" else "use a generator of integers (--generator auto chooses one)"
        problems.append(
            f"expected columns of numbers that hardly repeat, got few different values in {named(table, few)}: there a density has no "
            f"bound; add --dequantize (noise as wide as their step), or {other}"
        )
    if mixed:
        first = found[mixed[0]]
        problems.append(
            f"expected columns of numbers or of few values, got both in {named(table, mixed)} ({first.pile:g} in {100 * first.share:.0f} % "
            "of the rows, numbers elsewhere): no noise is right for both; leave the column out, or the rows of that value"
        )
    return problems


def copies(rows: Float[np.ndarray, "n dim"]) -> list[tuple[int, int]]:
    """Pairs of columns, of those that vary, that are equal up to shift, scale and a millionth of their spread.

    Example:
        >>> celsius = np.array([0.0, 10.0, 25.0])
        >>> copies(np.stack([celsius, np.array([1.0, 0.0, 2.0]), 32 + 1.8 * celsius], axis=1))
        [(0, 2)]
    """
    spread = np.ptp(rows, axis=0)
    usable = np.flatnonzero(spread > SAME * np.abs(rows).max(axis=0))
    if len(usable) < 2:
        return []
    scaled = rows[:, usable] / spread[usable]
    scaled -= scaled.mean(axis=0)
    scaled /= np.sqrt(np.sum(scaled**2, axis=0))
    found = []
    for start in range(0, len(usable), 256):  # in blocks: a table of 100,000 columns has ten billion pairs
        correlations = scaled[:, start : start + 256].T @ scaled
        for i, j in np.argwhere(1.0 - np.abs(correlations) < SAME):
            if start + i < j:
                found.append((int(usable[start + i]), int(usable[j])))
    return found


def named(table: Table, columns: list[int]) -> str:
    """Columns, for people: the first ones by name, the rest by number."""
    more = f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
    return ", ".join(table.name(column) for column in columns[:MOST_NAMED]) + more

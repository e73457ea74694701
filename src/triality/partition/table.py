"""All estimates of one log Z side by side, with what each assumes and what it cost, and the alarm's verdict below them.

    value +- 1.96 stderr,     ESS or overlap,     evaluations of the energy,     assumption

No estimate is best everywhere, and where they disagree the assumptions say which ones to doubt. Everything here runs on the host, on the
results of the estimators; nothing is estimated anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.partition.alarm import Alarm, verdict
from triality.partition.estimate import Estimate


class Method(NamedTuple):
    """A name for an estimator, and what has to hold for its value to be log Z."""

    name: str
    assumes: str


IMPORTANCE = Method("importance", "q covers the model")
MIXTURE = Method("mixture", "the reference density is the data's")
ACCEPTANCE_RATIO = Method("acceptance ratio", "data follow the model, or q does")
RECIPROCAL = Method("reciprocal", "data follow the model and cover q")
FUSION = Method("fusion", "past samplers cover the model between them")
ANNEALED = Method("annealed, forward", "walks from q find every mode; low in the mean")
ANNEALED_REVERSE = Method("annealed, reverse", "starts are exact samples of the model; high in the mean")
ANNEALED_FROM_DATA = Method("annealed, reverse, from data", "data follow the model, or walks forget their starts; no bound")
SEQUENTIAL_MONTE_CARLO = Method("sequential Monte Carlo", "particles from q find every mode")
EXACT = Method("exact", "nothing")


class Row(NamedTuple):
    """One line of the table.

    Fields:
        method: the estimator.
        value: log Z, nats.
        stderr: of value, nats; 0 for the exact one.
        low, high: 95 % interval, value -+ 1.96 stderr.
        ess: effective number of samples, walks or runs; nan where there is none.
        overlap: of the acceptance ratio; nan for the others.
        num_energies: evaluations of the energy that it took.
    """

    method: Method
    value: float
    stderr: float
    low: float
    high: float
    ess: float
    overlap: float
    num_energies: int


class LogZTable(NamedTuple):
    """Rows, and the verdict of the alarm over the same data and draws. ``str`` renders it as text, ``markdown`` as Markdown.

    Fields:
        rows: in the order given.
        verdict: of the three-way alarm, in words.
    """

    rows: tuple[Row, ...]
    verdict: str

    def __str__(self) -> str:
        """Columns padded with spaces, the verdict below."""
        lines = [_HEADER, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([*table, "", self.verdict])

    def markdown(self) -> str:
        """The same as a Markdown table."""
        lines = [_HEADER, ("---",) * len(_HEADER), *(_cells(row) for row in self.rows)]
        return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", self.verdict])


def row(method: Method, estimate: Estimate, num_energies: Array | float | int) -> Row:
    """A line for one estimate. ``num_energies`` is a number, or an array of counts that add up to it.

    Example:
        >>> from triality.partition.importance import importance
        >>> line = row(IMPORTANCE, importance(jnp.log(jnp.array([1.0, 3.0]))), 2)
        >>> round(line.value, 4), round(line.high - line.low, 4), line.num_energies
        (0.6931, 1.96, 2)
    """
    value, stderr = float(estimate.value), float(estimate.stderr)
    ess, overlap = float(estimate.diagnostics.ess), float(estimate.diagnostics.overlap)
    count = round(float(jnp.sum(jnp.asarray(num_energies, float))))
    return Row(method, value, stderr, value - 1.96 * stderr, value + 1.96 * stderr, ess, overlap, count)


def exact_row(log_z: Float[Array, ""] | float, num_energies: int) -> Row:
    """A line for a log Z that is known, by a formula or by enumeration."""
    value = float(log_z)
    return Row(EXACT, value, 0.0, value, value, math.nan, math.nan, num_energies)


def log_z_table(alarm: Alarm, num_data: int, num_drawn: int, more: Sequence[Row] = ()) -> LogZTable:
    """The alarm's three estimates, then ``more``, each with its cost; the alarm's verdict.

    Args:
        alarm: of ``three_way_alarm``, one and not a batch.
        num_data: data that the energy was evaluated at.
        num_drawn: draws that it was evaluated at.
        more: rows of other estimators, by ``row`` and ``exact_row``.

    Example:
        >>> from triality.partition.alarm import three_way_alarm
        >>> alarm = three_way_alarm(jnp.zeros(30), jnp.zeros(30))
        >>> print(str(log_z_table(alarm, 30, 30, [exact_row(0.0, 0)])).splitlines()[-3])
        exact             0.0000     0       [0.0000, 0.0000]  -            0         nothing
    """
    three = (
        row(IMPORTANCE, alarm.forward, num_drawn),
        row(ACCEPTANCE_RATIO, alarm.symmetric, num_data + num_drawn),
        row(RECIPROCAL, alarm.reciprocal, num_data),
    )
    return LogZTable((*three, *more), verdict(alarm))


_HEADER = ("estimate", "log Z", "stderr", "95 % interval", "ESS", "energies", "assumes")


def _cells(row: Row) -> tuple[str, ...]:
    """The overlap stands in the ESS's column where there is one: it is what to watch there (D2)."""
    health = "-" if math.isnan(row.ess) else f"{row.ess:.1f}"
    health = health if math.isnan(row.overlap) else f"overlap {row.overlap:.3f}"
    interval = f"[{row.low:.4f}, {row.high:.4f}]"
    return (row.method.name, f"{row.value:.4f}", f"{row.stderr:.2g}", interval, health, f"{row.num_energies:,}", row.method.assumes)

"""``metrics.jsonl`` as curves: one array a metric, seeds by iterations, with gaps where a number is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from triality.interquartile_mean import interquartile_mean

KEYS = ("seed", "iteration")


class Band(NamedTuple):
    """Median over the seeds, and the range from the lowest to the highest; NaN where no seed has a number."""

    median: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Curves:
    """All numbers of a metrics log.

    Args:
        seeds: the seeds, ascending.
        iterations: every iteration that some seed reported, ascending.
        values: by metric, NaN where a seed has no number there.
    """

    seeds: tuple[int, ...]
    iterations: Int[np.ndarray, " k"]
    values: Mapping[str, Float[np.ndarray, "s k"]]

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Curves:
        """Curves of the records that name their seed and iteration; of two for the same place the later one counts.

        Example:
            >>> curves = Curves.from_records([{"seed": 3, "iteration": 5, "kl": 0.25}, {"seed": 3, "iteration": 10, "kl": None}])
            >>> curves.seeds, curves.values["kl"].tolist()
            ((3,), [[0.25, nan]])
        """
        usable = [record for record in records if all(_is_integer(record.get(key)) for key in KEYS)]
        seeds = sorted({record["seed"] for record in usable})
        iterations = sorted({record["iteration"] for record in usable})
        row, column = {s: i for i, s in enumerate(seeds)}, {k: i for i, k in enumerate(iterations)}
        names = {name for record in usable for name, value in record.items() if name not in KEYS and _is_number(value)}
        values = {name: np.full((len(seeds), len(iterations)), np.nan) for name in sorted(names)}
        for record in usable:
            for name in names:
                value = record.get(name)
                place = row[record["seed"]], column[record["iteration"]]
                values[name][place] = value if _is_number(value) else np.nan
        return cls(tuple(seeds), np.array(iterations, dtype=int), values)

    def has(self, name: str) -> bool:
        """Whether any seed has a finite number for this metric."""
        return name in self.values and bool(np.any(np.isfinite(self.values[name])))

    def band(self, name: str) -> Band:
        """Over the seeds, at every iteration."""
        return band(self.values[name])

    def axis(self, name: str) -> Float[np.ndarray, " k"] | None:
        """A metric that all seeds share, such as ``env_steps``, as an axis; None where it was not logged."""
        return self.band(name).median if self.has(name) else None

    def last(self, name: str) -> Float[np.ndarray, " s"]:
        """The last finite number of every seed, NaN where a seed has none."""
        table = self.values.get(name, np.full((len(self.seeds), 0), np.nan))
        return np.array([row[np.isfinite(row)][-1] if np.any(np.isfinite(row)) else np.nan for row in table])


def band(table: Float[np.ndarray, "s k"]) -> Band:
    """Median, lowest and highest over the first axis, without the warnings that all-NaN columns set off."""
    finite = np.isfinite(table)
    some = finite.any(axis=0)
    median, low, high = (np.full(table.shape[1], np.nan) for _ in range(3))
    kept = np.where(finite, table, np.nan)[:, some]
    if kept.size:
        median[some], low[some], high[some] = np.nanmedian(kept, axis=0), np.nanmin(kept, axis=0), np.nanmax(kept, axis=0)
    return Band(median, low, high)


def bootstrap_interval(values: Float[np.ndarray, " n"], num_draws: int = 10_000) -> tuple[float, float] | None:
    """95 % percentile bootstrap of the interquartile mean over seeds; None below three seeds, where it says nothing.

    The draws are fixed, so that the same run always gives the same report.
    """
    finite = values[np.isfinite(values)]
    if finite.size < 3:
        return None
    draws = np.random.default_rng(0).choice(finite, (num_draws, finite.size))
    low, high = np.percentile(interquartile_mean(draws), [2.5, 97.5])
    return float(low), float(high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

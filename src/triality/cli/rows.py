"""What one compiled program learns side by side: every seed of every point of a sweep; of an ordinary run there is one point."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from triality.algorithms.guarded import Guarded
from triality.devices.fleet import Fleet
from triality.settings import Settings

ALONE = ("",)
"""Points of what is no sweep."""


class Row(NamedTuple):
    """Its place: the name of a point, "" where there is one alone, and a seed."""

    point: str
    seed: int

    @property
    def place(self) -> dict[str, Any]:
        """As it stands in a record of the log."""
        return {"point": self.point, "seed": self.seed} if self.point else {"seed": self.seed}


class RunRows(NamedTuple):
    """All of them; the leading axis of states has all seeds of the first point, then those of the next.

    Fields:
        settings: of the algorithm, a row for each state.
        points: their names.
        seeds: of every point.
        at_once: rows that are computed side by side; all if None.

    Example:
        >>> rows = RunRows(Settings(None, None), ("a", "b"), range(5, 7))
        >>> [(row.point, row.seed) for row in rows.all], rows.of_point(1), rows.points_of([3, 0])
        ([('a', 5), ('a', 6), ('b', 5), ('b', 6)], slice(2, 4, None), [1, 0])
    """

    settings: Settings
    points: tuple[str, ...]
    seeds: range
    at_once: int | None = None

    @property
    def all(self) -> list[Row]:
        """In the order of the states."""
        return [Row(point, seed) for point in self.points for seed in self.seeds]

    @property
    def guarded(self) -> Settings:
        """The settings with the guard around them."""
        return Settings(Guarded(self.settings.varied), Guarded(self.settings.shared))

    def on(self, fleet: Fleet) -> RunRows:
        """The same rows as the devices of a fleet compute them."""
        return self._replace(settings=fleet.settings(self.settings, len(self.all)))

    @property
    def algorithm(self) -> Any:
        """That of the first row."""
        return self.settings.of(0)

    def of_point(self, index: int) -> slice:
        """The rows of one point."""
        return slice(index * len(self.seeds), (index + 1) * len(self.seeds))

    def states_of(self, index: int, states: Any) -> Any:
        """The states of one point, a leading axis of seeds."""
        return jax.tree.map(lambda leaf: leaf[self.of_point(index)], states)

    def points_of(self, rows: list[int]) -> list[int]:
        """The points that rows belong to, each once, in the order of the rows."""
        return list(dict.fromkeys(row // len(self.seeds) for row in rows))

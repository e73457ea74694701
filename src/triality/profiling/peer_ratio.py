"""A figure of ours beside a peer's, run by run: always a ratio of two sides of one and the same run on one machine, never of two runs."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple


class PeerRatio(NamedTuple):
    """How many times as fast as a peer.

    Fields:
        benchmark: whose record it is, by its name.
        task: what both sides did.
        peer: beside whom.
        quantity: what is compared.
        ratios: ours over the peer's, one a run; above one we are faster.
        commit: of ours, when it was measured.
        processor: it was measured on.
        cores: of that machine.

    Example:
        >>> PeerRatio("speed", "draws", "torch", "draws a second", (2.0, 4.0, 3.0), "abc", "a processor", 2).median
        3.0
    """

    benchmark: str
    task: str
    peer: str
    quantity: str
    ratios: tuple[float, ...]
    commit: str | None
    processor: str
    cores: int

    @property
    def median(self) -> float:
        """The middle run's."""
        return median(self.ratios)

    @property
    def words(self) -> str:
        """Median, and the range over the runs."""
        if len(self.ratios) == 1:
            return f"{self.median:.1f}"
        return f"{self.median:.1f} ({min(self.ratios):.1f} to {max(self.ratios):.1f})"


class Compared(NamedTuple):
    """What a benchmark compares, before it is known where it ran: ``PeerRatio`` without its record."""

    task: str
    peer: str
    quantity: str
    ratios: tuple[float, ...]


def of_record(benchmark: str, compared: list[Compared], machine: dict[str, Any]) -> tuple[PeerRatio, ...]:
    """What was compared together with where; comparisons without a run are left out."""
    where = (machine.get("commit"), machine.get("processor", "unknown"), int(machine.get("cores") or 0))
    return tuple(PeerRatio(benchmark, *each, *where) for each in compared if each.ratios)

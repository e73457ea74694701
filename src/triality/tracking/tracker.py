"""The protocol of a tracker, and several of them as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tracker(Protocol):
    """A place where numbers of a run are sent while it goes on: ``begin`` once, ``log`` often, ``end`` once.

    A tracker may raise and may be slow. Whoever runs something long wraps it in ``GuardedTracker``.
    """

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        """The run of that name begins.

        Args:
            run: what people will know it by, such as the name of its folder.
            config: its whole configuration, as JSON holds it.
        """
        ...

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """Numbers of one moment.

        Args:
            step: iterations done. Where seeds run one after another it begins anew with each of them.
            numbers: by name; None where one is not known, or not finite.
        """
        ...

    def end(self, summary: Mapping[str, Any] | None) -> None:
        """The run has ended.

        Args:
            summary: the content of ``summary.json``, or any mapping; None where the run broke off.
        """
        ...


@dataclass(frozen=True)
class Together:
    """Several trackers as one, each told in turn; of none it is a tracker that tells nobody.

    Example:
        >>> isinstance(Together(()), Tracker)
        True
    """

    trackers: tuple[Tracker, ...]

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        for each in self.trackers:
            each.begin(run, config)

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        for each in self.trackers:
            each.log(step, numbers)

    def end(self, summary: Mapping[str, Any] | None) -> None:
        for each in self.trackers:
            each.end(summary)

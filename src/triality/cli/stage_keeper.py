"""The stages of a run, one after the other, seed by seed: what is kept of them, so that a run goes on in the middle of any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triality.algorithms.stages import Going
from triality.runs.shared_keeper import AnyKeeper


def nothing_more() -> Mapping[str, Any]:
    """No other parts."""
    return {}


class StageKeeper:
    """Keeps where each stage stands: those that have ended too, since what came of them is needed again.

    Args:
        keeper: of the run.
        more: other parts of every checkpoint.
    """

    def __init__(self, keeper: AnyKeeper, more: Callable[[], Mapping[str, Any]] = nothing_more):
        self.keeper, self._more = keeper, more
        self._parts: dict[str, Going] = {}

    def begun(self, name: str, first: Going) -> Going:
        """``first``, or where an earlier process left the stage ``name``.

        Raises:
            StorageError: what it left is of another structure.
        """
        self._parts[name] = self.keeper.restored(name, first) if self.keeper.has(name) else first
        if not self.keeper.resumes:
            self._look()
        return self._parts[name]

    def looked(self, name: str, going: Going) -> None:
        """After a chunk; may save, and may raise ``StoppedError``."""
        self._parts[name] = going
        self._look()

    def ended(self) -> None:
        """All stages are over."""
        self._look(final=True)
        self.keeper.closing()

    def _look(self, final: bool = False) -> None:
        self.keeper.look({**self._parts, **self._more()}, self._step, final=final)

    @property
    def _step(self) -> int:
        """Steps of all stages so far, and one for each that has begun: it grows also where a stage has no steps."""
        return sum(int(going.done) + 1 for going in self._parts.values())

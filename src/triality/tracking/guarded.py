"""A tracker that cannot harm a run: whatever the one inside raises, and however long it takes, the run goes on.

    run's thread:   begin, log, end  ->  a bounded queue; full: the record is dropped and counted
    own thread:     queue  ->  the tracker inside; raises: it is given up for good

What went wrong is said once, on the run's own thread, by the next call.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from triality.tracking.tracker import Tracker

PATIENCE = 5.0
"""Seconds that one call of a tracker may take before it is said to be slow, and that the end of a run waits for it."""
CAPACITY = 256
"""Records that may wait for a slow tracker."""

Call = Callable[[], None]


def print_to_stderr(note: str) -> None:
    """A note where the commands' own output does not go."""
    print(f"note: {note}", file=sys.stderr)


class GuardedTracker:
    """Passes every call on from a thread of its own, in order, and outlives whatever happens there.

    Args:
        tracker: the one inside.
        name: what it is called in notes.
        note: told once if the tracker raises or is slow, and at the end if it is not done or missed records.
        patience: seconds until a call counts as slow; at most so long does ``end`` wait, and with it the run.
        capacity: records that may wait.

    Example:
        >>> class Broken:
        ...     def begin(self, run, config): raise OSError("no route to host")
        ...     def log(self, step, numbers): ...
        ...     def end(self, summary): ...
        >>> tracker = GuardedTracker(Broken(), "broken", print)
        >>> tracker.begin("run", {}); tracker.end(None)
        tracker broken: OSError: no route to host; the run goes on without it
    """

    def __init__(
        self,
        tracker: Tracker,
        name: str,
        note: Callable[[str], None] = print_to_stderr,
        patience: float = PATIENCE,
        capacity: int = CAPACITY,
    ):
        self._tracker, self._name, self._note, self._patience = tracker, name, note, patience
        self._calls: queue.Queue[Call | None] = queue.Queue(capacity)
        self._dropped = 0
        self._has_failed, self._is_slow = False, False
        # Written by the thread, read by the run: when the present call began, and what was raised.
        self._since: float | None = None
        self._raised: BaseException | None = None
        # A daemon, so that one that hangs cannot keep the process alive.
        self._thread = threading.Thread(target=self._pass_on, name=f"tracker {name}", daemon=True)

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        """Begins, and does not wait for it."""
        config = dict(config)
        self._put(lambda: self._tracker.begin(run, config))
        self._thread.start()

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """Passes the numbers on, or drops them where too many wait; never waits, never raises."""
        numbers = dict(numbers)
        if not self._put(lambda: self._tracker.log(step, numbers)):
            self._dropped += 1
        self._tell()

    def end(self, summary: Mapping[str, Any] | None) -> None:
        """Ends, and waits for what is still under way as long as ``patience`` allows; tells what was missed."""
        summary = None if summary is None else dict(summary)
        for last in (lambda: self._tracker.end(summary), None):
            while not self._put(last):
                self._drop_oldest()
        if self._thread.is_alive():
            self._thread.join(self._patience)
        missed = f"; {self._dropped} records were too many for it and are in metrics.jsonl alone" if self._dropped else ""
        if self._has_failed or self._raised is not None:
            self._tell()
        elif self._thread.is_alive():
            self._give_up(f"not done after {self._patience:g} s, the run ends without it{missed}")
        elif missed:
            self._note(f"tracker {self._name}: slower than the run{missed}")

    def _put(self, call: Call | None) -> bool:
        """Whether there was room; for a tracker that was given up there always is."""
        if self._has_failed or self._raised is not None:
            return True
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            return False
        return True

    def _drop_oldest(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._calls.get_nowait()
            self._dropped += 1

    def _tell(self) -> None:
        """What is to be said, once each; on the thread of the run, where it may be printed."""
        if self._has_failed:
            return
        since = self._since
        if self._raised is not None:
            self._give_up(f"{type(self._raised).__name__}: {self._raised}; the run goes on without it")
        elif not self._is_slow and since is not None and time.monotonic() - since > self._patience:
            self._is_slow = True
            self._note(f"tracker {self._name}: has not answered for {self._patience:g} s; the run goes on and does not wait for it")

    def _give_up(self, reason: str) -> None:
        self._has_failed = True
        self._note(f"tracker {self._name}: {reason}")

    def _pass_on(self) -> None:
        """The thread: one call after another, until the last or until one raises."""
        while (call := self._calls.get()) is not None:
            self._since = time.monotonic()
            try:
                call()
            except BaseException as error:  # whatever it is, also an exit, it is about the tracker and not about the run
                self._raised = error
                return
            self._since = None

"""A thread for calls that may never return: given up when they show no life, and no reason for the program not to end."""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable


class LateError(Exception):
    """A call that showed no life for longer than the patience."""


class WatchedThread:
    """Runs one call at a time in a thread of its own, a daemon: the interpreter ends whether or not the call ever does.

    Args:
        patience: seconds without a sign of life after which a call is given up.

    Example:
        >>> thread = WatchedThread(patience=5.0)
        >>> done = []
        >>> thread.run(lambda: done.append(1))
        >>> done, thread.is_stuck
        ([1], False)
        >>> thread.close()
    """

    def __init__(self, patience: float):
        self.patience = patience
        self.is_stuck = False
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._alive = 0.0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def is_alive(self) -> None:
        """A sign of life, given by the call itself: the patience begins anew."""
        self._alive = time.monotonic()

    def run(self, call: Callable[[], None]) -> None:
        """Waits for the call; what it raises is raised here.

        Raises:
            LateError: no sign of life for longer than the patience. The thread is stuck, and stays so.
        """
        if self.is_stuck:
            raise LateError
        self.is_alive()
        self._calls.put(call)
        while True:
            left = self._alive + self.patience - time.monotonic()
            try:
                error = self._ends.get(timeout=max(left, 0.0))
            except queue.Empty:
                if time.monotonic() < self._alive + self.patience:
                    continue
                self.is_stuck = True
                raise LateError from None
            if error is not None:
                raise error
            return

    def stack(self) -> str:
        """Where the call is now, indented, its innermost line last."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "" if frame is None else "".join(traceback.format_stack(frame)).rstrip()

    def close(self) -> None:
        """Ends the thread, once what it runs has ended."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException as error:
                self._ends.put(error)
            else:
                self._ends.put(None)

"""SIGTERM, SIGHUP (a lost terminal) and ctrl-C: a run is asked to stop, and has a while to save what it has learned. Imports no jax.

first signal     noted; the run sees it between two chunks, saves, and ends with 75, or 130 (ctrl-C)
too busy         after ``grace`` seconds, as within a long compilation, a thread of its own saves the latest state and ends the process
second signal    the process ends at once; the latest checkpoint is untouched
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from triality.runs.interrupts import refuse_if_asked

EXIT_CODES = {signal.SIGTERM: 75, signal.SIGINT: 130} | ({signal.SIGHUP: 75} if hasattr(signal, "SIGHUP") else {})
GRACE = 12.0
"""Seconds: schedulers that warn before they kill give thirty and more."""


def nothing_to_save() -> None:
    """Saves nothing."""


class StopRequest:
    """Notes the signals as long as the ``with`` block lasts; their handlers from before are back after it.

    Args:
        save: called by the watching thread where the run does not stop by itself in time.
        grace: seconds until then.

    In a thread that is not the main one, which gets no signals, nothing is noted. A ctrl-C before it that got lost is raised at its begin.

    Example:
        >>> with StopRequest() as request:
        ...     os.kill(os.getpid(), signal.SIGTERM)
        ...     print(request.exit_code)
        75
    """

    def __init__(self, save: Callable[[], None] = nothing_to_save, grace: float = GRACE):
        self.save, self.grace = save, grace
        self.signal: signal.Signals | None = None
        self._done = threading.Event()
        self._before: dict[signal.Signals, Any] = {}
        self._pipe: tuple[socket.socket, socket.socket] | None = None
        self._wakeup = -1

    @property
    def exit_code(self) -> int | None:
        """What the process is to end with; None where nobody has asked."""
        return None if self.signal is None else EXIT_CODES[self.signal]

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is not threading.main_thread():
            return self
        refuse_if_asked()
        asked = (signal.SIGTERM, signal.SIGINT)
        heeded = [each for each in EXIT_CODES if each in asked or signal.getsignal(each) is not signal.SIG_IGN]  # nohup ignores SIGHUP
        self._before = {each: signal.signal(each, self._note) for each in heeded}
        # The interpreter writes the signal's number here at once, also while the main thread is inside a compilation.
        reading, writing = self._pipe = socket.socketpair()
        writing.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reading,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._pipe is None:
            return
        signal.set_wakeup_fd(self._wakeup)
        for each, handler in self._before.items():
            signal.signal(each, handler)
        for end in self._pipe:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def end_at_once(self) -> None:
        """From here on nothing is left to save: a signal ends the process without waiting."""
        self.save, self.grace = nothing_to_save, 0.0

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signal = self.signal or signal.Signals(number)

    def _watch(self, reading: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := reading.recv(1):
                if received[0] in EXIT_CODES:
                    self._see_it_through(reading, signal.Signals(received[0]))
                    return

    def _see_it_through(self, reading: socket.socket, number: signal.Signals) -> None:
        if self.grace > 0:
            _say(f"triality: {number.name}: saving and stopping; once more ends at once")
        reading.settimeout(max(self.grace, 1e-3))
        again = self._next(reading)
        if self._done.is_set():
            return
        if again is None:
            self.save()
        os._exit(EXIT_CODES[number] if again is None else 128 + again)

    @staticmethod
    def _next(reading: socket.socket) -> int | None:
        """A second signal; None if none comes in time."""
        with contextlib.suppress(OSError):  # a timeout is one
            while received := reading.recv(1):
                if received[0] in EXIT_CODES:
                    return received[0]
        return None


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)

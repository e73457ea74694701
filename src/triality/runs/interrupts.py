"""ctrl-C before a run is kept and after it: one line instead of a traceback, whatever is being imported meanwhile. Imports no jax.

while something is imported     the process ends at once: native code in the middle of its initialization may crash on an exception
else, first                     ``KeyboardInterrupt``, as always; and it is remembered, in case somebody swallows it
again                           the process ends at once
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130
"""The exit code."""


class Interrupts:
    """The handler.

    Attributes:
        asked: whether somebody has pressed ctrl-C.
    """

    def __init__(self) -> None:
        self.asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """What the interpreter calls."""
        del number
        if self.asked or _is_importing(frame):
            say_interrupted()
            os._exit(INTERRUPTED)
        self.asked = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Heeds ctrl-C as long as the block lasts; within another such block it is that one's still. Not heeded where it is ignored.

    Example:
        >>> before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal
        >>> with interrupts() as heeded, contextlib.suppress(KeyboardInterrupt):
        ...     os.kill(os.getpid(), signal.SIGINT)
        >>> heeded.asked, signal.signal(signal.SIGINT, before) is signal.default_int_handler
        (True, True)
    """
    before = signal.getsignal(signal.SIGINT)
    outer = _of(before)
    if outer is not None:
        yield outer
        return
    heeded = Interrupts()
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield heeded
        return
    signal.signal(signal.SIGINT, heeded.note)
    try:
        yield heeded
    finally:
        signal.signal(signal.SIGINT, before)


def refuse_if_asked() -> None:
    """Raise where ctrl-C was pressed, and the exception was lost on its way.

    Raises:
        KeyboardInterrupt: it was.
    """
    heeded = _of(signal.getsignal(signal.SIGINT))
    if heeded is not None and heeded.asked:
        raise KeyboardInterrupt


def say_interrupted() -> None:
    """The one line."""
    with contextlib.suppress(OSError, ValueError):
        print("triality: interrupted", file=sys.stderr, flush=True)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _of(handler: object) -> Interrupts | None:
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, Interrupts) else None

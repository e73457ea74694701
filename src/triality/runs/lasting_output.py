"""Output that nobody reads any more, as behind ``| head``: it is dropped, and the work goes on. Imports no jax.

A closed pipe would end a command at its next word: a run in the middle of its work, with the exit code of a failure. So would a terminal
that is gone, or a log on a full disk.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO, cast


class LastingOutput:
    """As long as the ``with`` block lasts, what is printed to a pipe whose reader is gone goes nowhere, and nothing is raised.

    Attributes:
        said: is said on the error stream when that happens to the other. Where it is set, work is at stake, and no output that cannot be
            written ends it, whatever the reason; where it is not, a full disk is an error, as it is elsewhere.

    Example:
        >>> with LastingOutput():
        ...     print("read")
        read
    """

    def __init__(self) -> None:
        self.said = ""
        self._before: list[tuple[str, Any]] = []

    def __enter__(self) -> LastingOutput:
        self._before = [(name, getattr(sys, name)) for name in ("stdout", "stderr")]
        for name, stream in self._before:
            if stream is not None:  # as of a program without a console
                setattr(sys, name, cast(TextIO, _Lasting(stream, self._survive)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, stream in self._before:
            current = getattr(sys, name)
            setattr(sys, name, stream)
            if isinstance(current, _Lasting):
                current.flush()  # what is left over would fail at the end of the process

    def _survive(self, stream: Any, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            _lead_nowhere(stream)
            if self.said and stream is dict(self._before)["stdout"]:
                print(self.said, file=sys.stderr, flush=True)
        elif not self.said:
            raise error


class _Lasting:
    """A text stream that asks ``survive`` what becomes of an error of the system."""

    def __init__(self, stream: Any, survive: Callable[[Any, OSError], None]):
        self._stream, self._survive = stream, survive

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._survive(self._stream, error)
            return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._survive(self._stream, error)


def _lead_nowhere(stream: Any) -> None:
    """From here on the descriptor leads nowhere, for whatever writes to it, and what is still buffered goes there too."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()

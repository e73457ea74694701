"""A process of ours that runs somebody else's code: started, asked for its stacks, and ended with all that it has started.

It talks over a socket. That it must not outlive this process, however this one ends, is its own to see to (``worker.settle``).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from triality.simulators.worker import TELL_STACK

STACK_SECONDS = 1.0
"""How long a process that hangs may take to write its stacks, and one that is dying to be gone."""
LAST_WORDS = 4_000


class Ending(NamedTuple):
    """How a process ended.

    Fields:
        how: in words, after "its end".
        remedy: what to do.
        stack: of the crash, where it left one.
    """

    how: str
    remedy: str
    stack: str


class ChildProcess:
    """A process that was started.

    Args:
        start: Python source; finds as JSON in ``sys.argv`` the places of modules, and what ``settings_of`` gives.
        settings_of: a named tuple from three descriptors, which are its last fields: the socket, the pipe that closes when this process is
            gone, and the file for stacks.
    """

    def __init__(self, start: str, settings_of: Callable[[int, int, int], Any]):
        self._stacks = tempfile.TemporaryFile()  # noqa: SIM115
        self.socket, theirs = socket.socketpair()
        life, self._life = os.pipe()
        settings = settings_of(theirs.fileno(), life, self._stacks.fileno())
        paths = [str(path) or os.getcwd() for path in sys.path]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", start, json.dumps(paths), json.dumps(settings._asdict())],
                stdin=subprocess.DEVNULL,
                pass_fds=settings[-3:],
                start_new_session=True,  # Ctrl-C is for this process, and what the environments start ends with them
            )
        finally:
            theirs.close()
            os.close(life)

    @property
    def is_ended(self) -> bool:
        """Whether ``end`` was called."""
        return self._life < 0

    def hung(self) -> str:
        """The stacks of one that says nothing any more; it is ended."""
        os.kill(self.process.pid, TELL_STACK)
        stack = self._written_stack()
        self.end()
        return stack

    def died(self) -> Ending:
        """How one ended that is gone; one that closed its socket and lives on is ended first."""
        try:
            code = self.process.wait(STACK_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        stack = self._stack()
        self.end()
        return Ending(*_ending(code), stack)

    def end(self, seconds: float = 0.0) -> None:
        """Gives it ``seconds`` to end, then kills it with all that it has started; gives back what it held. May be called again."""
        if self.is_ended:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody may be left in its group
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.socket.close()
        self._stacks.close()
        os.close(self._life)
        self._life = -1

    def _written_stack(self) -> str:
        """The stacks, once they are written and no longer grow."""
        until, before = time.monotonic() + STACK_SECONDS, -1
        while time.monotonic() < until:
            size = os.fstat(self._stacks.fileno()).st_size
            if size > 0 and size == before:
                break
            before = size
            time.sleep(0.05)
        return self._stack()

    def _stack(self) -> str:
        self._stacks.seek(0)
        return self._stacks.read(LAST_WORDS).decode(errors="replace").strip()


def start_of(module: str) -> str:
    """Source that runs ``main`` of a module here. It finds the modules that this process finds, and no others: -P keeps the folder out of
    it that it is started in.

    Example:
        >>> start_of("worker").endswith("from triality.simulators.worker import main; main()")
        True
    """
    return f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from triality.simulators.{module} import main; main()"


def told(wrong: str, what: str, text: str, remedy: str) -> str:
    """A message, with text of several lines set off from it where there is any.

    Example:
        >>> told("expected an answer, got nothing", "stack", "", "ask again")
        'expected an answer, got nothing; ask again'
    """
    return (
        "\n".join([f"{wrong}; its {what}:", *(f"    {line}" for line in text.splitlines()), f"  {remedy}"])
        if text
        else f"{wrong}; {remedy}"
    )


def _ending(code: int | None) -> tuple[str, str]:
    """How a process ended, and what to do."""
    if code is None or code >= 0:
        how = "of its connection" if code is None else f"with exit code {code}"
        return how, "find out what in the environment ends the process"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else "an unknown signal"
    how = f"by {name} (signal {-code})"
    if -code == signal.SIGKILL:
        return how, "somebody killed it, or the system did for want of memory: use fewer simulators or workers"
    return how, "the environment's native code failed: look at the stack, and run the environment alone"

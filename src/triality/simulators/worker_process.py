"""One worker as its batch sees it: a process that is started, asked, listened to, and ended with all that it has started."""

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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait

from triality.errors import ConfigError, SimulatorError, SimulatorTimeoutError, WorkerDiedError
from triality.simulators.worker import TELL_STACK, Settings
from triality.simulators.worker_wire import END, FAILED, RECEIVED_AT_ONCE, Fault, Frame, Frames, packed, read_fault, read_spec
from triality.specs import EnvironmentSpec

START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from triality.simulators.worker import main; main()"
"""The worker finds the modules that this process finds, and no others: -P keeps the folder it is started in out of it."""
START_PATIENCE = 60.0
"""Seconds that a worker may take to import and make its environments, if a step may not take longer."""
STACK_SECONDS = 1.0
"""How long a worker that hangs may take to write its stacks."""
END_SECONDS = 5.0
"""How long the environments of a worker may take to close."""
LAST_WORDS = 4_000

Deed = Callable[[int], str]
"""What a simulator was asked, in words, for an error: "step 3 of simulator 7 by action 1"."""


class WorkerProcess:
    """A worker that was started; ``ask`` and ``heard`` talk with it, ``end`` ends it.

    Args:
        number: of the worker, which its errors name.
        env_id: Gymnasium's id, or what the environment is called.
        make: ``module:function`` that makes one, or None.
        first: number of its first simulator.
        num: simulators that it hosts.
        patience: seconds that one of them may take for an answer.
    """

    def __init__(self, number: int, env_id: str, make: str | None, first: int, num: int, patience: float):
        self._patience, self._patience_once_ready = max(patience, START_PATIENCE), patience
        self._name = f"worker {number} of {env_id}"
        self._pending: deque[tuple[Deed, int]] = deque()
        self._frames = Frames()
        self._stacks = tempfile.TemporaryFile()  # noqa: SIM115
        self.socket, theirs = socket.socketpair()
        life, self._life = os.pipe()
        settings = Settings(env_id, make, first, num, theirs.fileno(), life, self._stacks.fileno())
        paths = [str(path) or os.getcwd() for path in sys.path]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, json.dumps(paths), json.dumps(settings._asdict())],
                stdin=subprocess.DEVNULL,
                pass_fds=settings[-3:],
                start_new_session=True,  # Ctrl-C is for the batch, and what the environments start ends with them
            )
        finally:
            theirs.close()
            os.close(life)
        self._spoke = time.monotonic()
        self._pending.append((_starting, first))

    @property
    def is_asked(self) -> bool:
        """Whether answers are outstanding."""
        return bool(self._pending)

    def ask(self, frame: Frame, simulators: Sequence[int], deed: Deed) -> None:
        """Sends a request that these simulators will answer, in this order.

        Raises:
            SimulatorTimeoutError: it takes nothing any more. One that is gone is found when it is listened to: it may have said why.
        """
        if not self._pending:
            self._spoke = time.monotonic()
        self._pending.extend((deed, simulator) for simulator in simulators)
        self.socket.settimeout(self._patience)
        try:
            self.socket.sendall(packed(frame))
        except TimeoutError:
            raise self.lateness() from None
        except OSError:
            return

    def heard(self) -> Iterator[Frame]:
        """What it has said since.

        Raises:
            SimulatorError: an environment raised, or returned what it must not.
            ConfigError: the environment cannot be made, or not be used.
            WorkerDiedError: the worker is gone.
        """
        try:
            data = self.socket.recv(RECEIVED_AT_ONCE)
        except OSError:
            data = b""
        if not data:
            raise self._death()
        self._spoke = time.monotonic()
        for frame in self._frames.fed(data):
            if frame.kind == FAILED:
                raise self._failure(read_fault(frame.body))
            if self._pending:
                self._pending.popleft()
            yield frame

    def ready(self) -> EnvironmentSpec:
        """The specification of its environments, once they are made, for which a minute is no long time.

        Raises:
            ConfigError, SimulatorError: as of ``heard``; it hangs.
        """
        while (left := self.seconds_left()) > 0:
            if wait([self.socket], min(left, 1.0)):
                for frame in self.heard():
                    self._patience = self._patience_once_ready
                    return read_spec(frame.body)
            else:
                self.refuse_dead()
        raise self.lateness()

    def seconds_left(self) -> float:
        """Until what is under way has used up its patience."""
        return self._spoke + self._patience - time.monotonic()

    def refuse_dead(self) -> None:
        """For a worker that says nothing: something that it has started may hold its end of the socket.

        Raises:
            WorkerDiedError: the process is gone.
        """
        if self.process.poll() is not None:
            raise self._death()

    def lateness(self) -> SimulatorTimeoutError:
        """The error of a worker that hangs, with the stacks of its threads; the worker is ended."""
        os.kill(self.process.pid, TELL_STACK)
        stack = self._written_stack()
        self.end()
        wrong = f"expected {self._under_way} in {self._name} to return within {self._patience:g} s, got nothing"
        return SimulatorTimeoutError(_told(wrong, "stack", stack, "find out where the environment waits, or raise its patience"))

    def say_end(self) -> None:
        """Tells it to close its environments and to end."""
        if self._life >= 0:
            self.socket.settimeout(END_SECONDS)
            with contextlib.suppress(OSError):
                self.socket.sendall(packed(Frame(END)))

    def end(self, seconds: float = 0.0) -> None:
        """Gives it ``seconds`` to end, then kills it with all that it has started; gives back what it held. May be called again."""
        if self._life < 0:
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

    @property
    def _under_way(self) -> str:
        if not self._pending:
            return "the time between two requests"
        deed, simulator = self._pending[0]
        return deed(simulator)

    def _failure(self, fault: Fault) -> SimulatorError | ConfigError:
        if fault.is_config:
            return ConfigError(fault.message)
        if not fault.traceback:
            return SimulatorError(f"in {self._name}, {self._under_way}: {fault.message}")
        wrong = f"expected {self._under_way} in {self._name} to go on, got {fault.message}"
        return SimulatorError(_told(wrong, "traceback", fault.traceback, "check the environment and what it was asked"))

    def _death(self) -> WorkerDiedError:
        """The error of a worker that is gone; one that closed its socket and lives on is ended first."""
        try:
            code = self.process.wait(STACK_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        stack = self._stack()
        self.end()
        how, remedy = _ending(code)
        return WorkerDiedError(_told(f"expected {self._name} to live through {self._under_way}, got its end {how}", "stack", stack, remedy))

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


def _starting(simulator: int) -> str:
    del simulator
    return "the making of its environments"


def _told(wrong: str, what: str, text: str, remedy: str) -> str:
    """A message, with text of several lines set off from it where there is any."""
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

"""One worker as its batch sees it: a process that is started, asked, listened to, and ended with all that it has started."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait

from triality.errors import ConfigError, SimulatorError, SimulatorTimeoutError, WorkerDiedError
from triality.simulators.child_process import ChildProcess, start_of, told
from triality.simulators.worker import Settings
from triality.simulators.worker_wire import END, FAILED, RECEIVED_AT_ONCE, Fault, Frame, Frames, packed, read_fault, read_spec
from triality.specs import EnvironmentSpec

START = start_of("worker")
START_PATIENCE = 60.0
"""Seconds that a process may take to import and make its environments, if a step may not take longer."""
END_SECONDS = 5.0
"""How long the environments of a worker may take to close."""

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
        self._child = ChildProcess(START, lambda requests, life, stacks: Settings(env_id, make, first, num, requests, life, stacks))
        self.process, self.socket = self._child.process, self._child.socket
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
        wrong = f"expected {self._under_way} in {self._name} to return within {self._patience:g} s, got nothing"
        return SimulatorTimeoutError(
            told(wrong, "stack", self._child.hung(), "find out where the environment waits, or raise its patience")
        )

    def say_end(self) -> None:
        """Tells it to close its environments and to end."""
        if not self._child.is_ended:
            self.socket.settimeout(END_SECONDS)
            with contextlib.suppress(OSError):
                self.socket.sendall(packed(Frame(END)))

    def end(self, seconds: float = 0.0) -> None:
        """As of ``ChildProcess``."""
        self._child.end(seconds)

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
        return SimulatorError(told(wrong, "traceback", fault.traceback, "check the environment and what it was asked"))

    def _death(self) -> WorkerDiedError:
        ending = self._child.died()
        wrong = f"expected {self._name} to live through {self._under_way}, got its end {ending.how}"
        return WorkerDiedError(told(wrong, "stack", ending.stack, ending.remedy))


def _starting(simulator: int) -> str:
    del simulator
    return "the making of its environments"

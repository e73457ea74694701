"""The process that hosts environments for a ``WorkerBatch``: it answers requests until they end, and does not outlive who asks.

It imports no jax. Its three descriptors: a socket for the requests; the end of a pipe that nobody ever writes to, whose closing says that
the batch is gone; and a file for stacks, of a crash in native code, or when asked by a signal.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import ConfigError, SimulatorError
from triality.runs.lasting_output import LastingOutput
from triality.simulators.gymnasium_batch import as_given
from triality.simulators.gymnasium_checks import checked_outcome, checked_start
from triality.simulators.gymnasium_spec import spec_of
from triality.simulators.named_function import function_of
from triality.simulators.worker_wire import (
    DONE,
    END,
    FAILED,
    READY,
    RECEIVED_AT_ONCE,
    RESET,
    Fault,
    Frame,
    Frames,
    fault_body,
    outcome_body,
    packed,
    read_actions,
    read_seeds,
    spec_body,
)
from triality.specs import EnvironmentSpec

if TYPE_CHECKING:
    import gymnasium

TELL_STACK = signal.SIGUSR1
"""Asks a worker to write the stacks of its threads, whatever it is doing."""
MOST_TRACEBACK = 20_000


class Settings(NamedTuple):
    """What a worker is told when it starts.

    Fields:
        env_id: Gymnasium's id, or what the environment is called.
        make: ``module:function`` that makes one, or None for Gymnasium's ``make`` of the id.
        first: number of its first simulator in the batch.
        num: simulators that it hosts.
        requests: descriptor of the socket.
        life: descriptor of the pipe that closes when the batch is gone.
        stacks: descriptor of the file for stacks.
    """

    env_id: str
    make: str | None
    first: int
    num: int
    requests: int
    life: int
    stacks: int


def main() -> None:
    """Host the environments that the command line names, as JSON."""
    settings = Settings(**json.loads(sys.argv[2]))
    settle(settings.requests, settings.life, settings.stacks)
    quiet = contextlib.suppress(BrokenPipeError, ConnectionResetError)
    with socket.socket(fileno=settings.requests) as connection, quiet, LastingOutput():
        serve(connection, settings)


def settle(connection: int, life: int, stacks: int) -> None:
    """Arranges the three descriptors that such a process is started with: it ends when ``life`` does, and its stacks go to ``stacks``."""
    for descriptor in (connection, life, stacks):  # what an environment starts must not hold them
        os.set_inheritable(descriptor, False)
    end_with(life)
    faulthandler.enable(stacks)
    faulthandler.register(TELL_STACK, stacks)


def end_with(life: int) -> None:
    """Arranges that this process and what it has started end when the other end of ``life`` is closed, even by a kill.

    Linux's kernel sees to it, so that it works whatever the process is doing; elsewhere a thread, which needs Python's lock now and then.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        threading.Thread(target=wait_and_end, args=(life,), daemon=True).start()
        return
    fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):  # nothing to read yet: it is still open
        if os.read(life, 1) == b"":
            os.killpg(os.getpgrp(), signal.SIGKILL)


def wait_and_end(life: int) -> None:
    """Ends this process and what it has started once the other end of ``life`` is closed."""
    while os.read(life, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def serve(connection: socket.socket, settings: Settings) -> None:
    """Make the environments, say so, and answer until the requests end or an environment fails."""
    try:
        simulators = [make_one(settings) for _ in range(settings.num)]
        spec = spec_of(simulators[0], settings.env_id)
    except BaseException as error:
        return connection.sendall(packed(Frame(FAILED, 0, settings.first, fault_body(fault_of(error)))))
    connection.sendall(packed(Frame(READY, body=spec_body(spec))))
    for request in requests(connection):
        for place, given in calls(request, spec, settings.num):
            number = settings.first + place
            try:
                body = answer(request.kind, simulators[place], given, spec.observation_size, f"simulator {number}")
            except BaseException as error:
                return connection.sendall(packed(Frame(FAILED, request.serial, number, fault_body(fault_of(error)))))
            connection.sendall(packed(Frame(DONE, request.serial, number, body)))
    for simulator in simulators:
        simulator.close()


def requests(connection: socket.socket) -> Iterator[Frame]:
    """What is asked, until ``END`` or until nobody is there to ask."""
    frames = Frames()
    while data := connection.recv(RECEIVED_AT_ONCE):
        for frame in frames.fed(data):
            if frame.kind == END:
                return
            yield frame


def calls(request: Frame, spec: EnvironmentSpec, num: int) -> Sequence[tuple[int, Any]]:
    """Which simulators are asked, by their place in this worker, and each one's seed or action."""
    if request.kind == RESET:
        return read_seeds(request.body)
    actions, running = read_actions(request.body, spec, num)
    given = as_given(actions, spec)
    return [(place, given[place]) for place in np.flatnonzero(running).tolist()]


def answer(kind: bytes, simulator: gymnasium.Env, given: Any, size: int, whose: str) -> bytes:
    """The body of what one simulator answers.

    Raises:
        SimulatorError: it returned what it must not.
        BaseException: whatever it raised.
    """
    if kind == RESET:
        return outcome_body(checked_start(simulator.reset(seed=given), size, whose))
    return outcome_body(*checked_outcome(simulator.step(given), size, whose))


def make_one(settings: Settings) -> gymnasium.Env:
    """One environment, by its id or by the function that makes it.

    Raises:
        ConfigError: Gymnasium knows no such id here, whatever the script has registered that started the worker.
    """
    if settings.make is not None:
        return function_of(settings.make)()
    try:
        return make_gymnasium(settings.env_id)
    except ConfigError as error:
        hint = "" if ":" in settings.env_id else "; name one that your own code registers module:Id, so that a worker imports the module"
        raise ConfigError(f"{error}{hint}") from error


def fault_of(error: BaseException) -> Fault:
    """What the batch is told. What was found wrong in an answer needs no traceback: it shows nothing of the environment."""
    if isinstance(error, SimulatorError):
        return Fault(str(error))
    if isinstance(error, ConfigError):
        return Fault(str(error), is_config=True)
    trace = "".join(traceback.format_exception(error)).rstrip()
    return Fault(f"{type(error).__name__}: {error}", trace[-MOST_TRACEBACK:])

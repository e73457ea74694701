"""Actors of Ray: processes on this machine, or on all machines of a cluster. No jax here; Ray is imported when the first is wanted.

Ray carries the messages and says when a process or a machine is gone; everything else, restarts included, is the crew's. Arrays travel
through Ray's object store, a policy once to each machine. Ray unpickles what it is sent, on both sides: a cluster is one's own.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from triality.data.optional_packages import import_package
from triality.errors import ConfigError
from triality.remote.errand import Death, Delivery, Errand, Heard
from triality.remote.host import Host, MakeSimulators
from triality.remote.sent_policy import SentPolicy
from triality.simulators.endings import Ending
from triality.simulators.worker_wire import Fault

START_PATIENCE = 120.0
"""Seconds that a new actor may take until its process is there, a busy cluster's search for a free core included."""
KNOCK_PATIENCE = 10.0
"""Seconds that the head of a cluster may take to answer at all."""
LAST_WORDS = 600


class RayActors:
    """``num`` actors of one core each.

    Where this process is connected to no cluster yet, it connects to the one at ``address``, or starts one on this machine, which ends with
    ``close``.

    Args:
        make: makes the simulators of one actor, there: importable on its machine, with one thread.
        num: how many.
        horizon: T; the time limit if None.
        ending: what follows an episode that ends before.
        address: of a cluster, ``auto`` for the one that this machine belongs to; None for one of our own here.

    Raises:
        ConfigError: Ray is not installed; no cluster at the address; no room in it.
    """

    def __init__(self, make: MakeSimulators, num: int, horizon: int | None, ending: Ending, address: str | None = None):
        self.num = num
        self._ray = import_package("ray", "ray")
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, address, num)
        self._make, self._horizon, self._ending = make, horizon, ending
        self._class = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Host)
        self._handles: dict[int, Any] = {}
        self._starting: dict[int, tuple[Any, float]] = {}
        self._waiting: dict[Any, tuple[int, int]] = {}
        self._sent: tuple[SentPolicy, Any] | None = None

    def start(self, number: int) -> None:
        """Returns at once: an actor takes its errands while it is being made."""
        handle = self._class.remote(self._make, self._horizon, self._ending)
        self._handles[number] = handle
        self._starting[number] = handle.__ray_ready__.remote(), time.monotonic() + START_PATIENCE

    def submit(self, number: int, errand: Errand, policy: SentPolicy) -> None:
        """A policy that goes to several is put into the store once."""
        if self._sent is None or self._sent[0] is not policy:
            self._sent = policy, self._ray.put(policy)
        self._waiting[self._handles[number].play.remote(errand, self._sent[1])] = number, errand.serial

    def ready(self, seconds: float) -> list[Heard]:
        """What is done, and the death of an actor whose process did not come up in time."""
        if not self._waiting:
            return []
        references = list(self._waiting)
        if self._ray.wait(references, num_returns=1, timeout=seconds)[0]:
            references, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        else:
            references = []
        heard = [Heard(*self._waiting.pop(reference), self._said(reference)) for reference in references]
        return heard + self._late()

    def kill(self, number: int) -> None:
        """By Ray, on whatever machine it is."""
        handle = self._handles.pop(number, None)
        self._starting.pop(number, None)
        self._waiting = {reference: place for reference, place in self._waiting.items() if place[0] != number}
        if handle is not None:
            self._ray.kill(handle, no_restart=True)

    def close(self) -> None:
        """Ends the actors, and the cluster if it was started here."""
        if not self._ray.is_initialized():
            return
        for number in list(self._handles):
            self.kill(number)
        self._sent = None
        if self._is_ours:
            self._ray.shutdown()

    def _said(self, reference: Any) -> Delivery | Fault | Death:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Death(_in_one_line(error))

    def _late(self) -> list[Heard]:
        """Deaths of actors that never came up: the cluster has no core for them any more."""
        heard = []
        for number, (reference, until) in list(self._starting.items()):
            if self._ray.wait([reference], timeout=0)[0]:
                del self._starting[number]
            elif time.monotonic() > until:
                reason = f"no process for it within {START_PATIENCE:g} s; cores in the cluster that are free: {self._free_cores():g}"
                serials = [serial for place, serial in self._waiting.values() if place == number]
                heard += [Heard(number, serial, Death(reason)) for serial in serials]
        return heard

    def _free_cores(self) -> float:
        return self._ray.available_resources().get("CPU", 0.0)


def _connect(ray: Any, address: str | None, num: int) -> None:
    """To the cluster at ``address``, or to one that is started here.

    Raises:
        ConfigError: there is none at the address, or it has fewer cores than actors are wanted.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that this program runs
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    with _own_signals(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # the child runs another program at once
        if address is None:
            paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # actors find the modules that this process finds
            cores, found = max(num, os.cpu_count() or 1), {"env_vars": {"PYTHONPATH": paths}}
            ray.init("local", num_cpus=cores, include_dashboard=False, runtime_env=found, **quiet)  # whatever other clusters there are
            return
        try:
            _knock(address)
            ray.init(address=address, **quiet)
        except Exception as error:
            raise ConfigError(
                f"expected a Ray cluster at {address}, got {_in_one_line(error)}; start one by ray start --head, give this process the "
                "RAY_AUTH_TOKEN that it was started with, or leave the address out for one on this machine"
            ) from error
    cores = ray.cluster_resources().get("CPU", 0.0)
    if cores < num:
        ray.shutdown()
        raise ConfigError(f"expected a core for each of {num} actors in the cluster at {address}, got {cores:g}; ask for fewer actors")


def _knock(address: str) -> None:
    """Ray itself tries for minutes where nobody listens.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_PATIENCE).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself; who asked before us keeps it."""
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if is_main and before is not None:
            signal.signal(signal.SIGTERM, before)


def _in_one_line(error: BaseException) -> str:
    """Without colors, and without rulers under a line; of a long text what it says last."""
    text = re.sub(r"\x1b\[[0-9;]*m|\^{2,}", "", f"{type(error).__name__}: {error}")
    words = " ".join(text.split())
    return words if len(words) <= LAST_WORDS else f"{type(error).__name__}: ... {words[-LAST_WORDS:]}"

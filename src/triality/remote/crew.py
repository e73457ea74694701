"""Actors that are kept at work: who does what, how much may be waiting at each, and who takes the place of one that ends.

An errand is whole or it is not there. Of an actor that ends only the errand that it was at is lost; what waited behind it was never begun.
"""

from __future__ import annotations

import warnings
from collections import deque
from typing import NamedTuple

from triality.errors import ConfigError, SimulatorError, WorkerDiedError
from triality.remote.actors import Actors
from triality.remote.errand import Death, Delivery, Errand
from triality.remote.sent_policy import SentPolicy
from triality.simulators.worker_wire import Fault

LOOK_AROUND = 1.0
"""Seconds between two looks at actors that say nothing."""


class Counts(NamedTuple):
    """Of roll-outs, since the beginning, but for the last.

    Fields:
        played: handed over by actors.
        lost: under way in an actor that ended; they were never seen.
        stale: played, and thrown away since their policy was too old.
        restarts: actors that took the place of another.
    """

    played: int = 0
    lost: int = 0
    stale: int = 0
    restarts: int = 0


class News(NamedTuple):
    """What was heard of errands.

    Fields:
        delivered: whole episodes, in the order of their errands.
        dropped: errands that an actor which ended was given, the lost one first.
    """

    delivered: list[Delivery]
    dropped: list[Errand]


class Crew:
    """``actors``, all started; whoever makes a crew closes it.

    Args:
        actors: not started yet.
        rows: simulators of each.
        max_restarts: actors that may be replaced, those whose simulators fail included.
        num_in_flight: errands that may be out at one actor; two, so that it need not wait for the next.

    ``processes`` holds the process id, on its machine, of every actor that has delivered.

    Raises:
        ConfigError: counts below what makes sense.
    """

    def __init__(self, actors: Actors, rows: int, max_restarts: int = 3, num_in_flight: int = 2):
        if min(actors.num, rows, num_in_flight) < 1 or max_restarts < 0:
            given = (actors.num, rows, num_in_flight, max_restarts)
            raise ConfigError(f"expected actors, simulators and errands in flight of at least 1 and restarts of at least 0, got {given}")
        self.rows, self.max_restarts, self.num_in_flight = rows, max_restarts, num_in_flight
        self.counts = Counts()
        self.processes: dict[int, int] = {}
        self._actors, self._ended = actors, ""
        self._out: list[deque[Errand]] = [deque() for _ in range(actors.num)]
        for number in range(actors.num):
            actors.start(number)

    @property
    def num_actors(self) -> int:
        """How many."""
        return len(self._out)

    @property
    def num_out(self) -> int:
        """Errands that are out."""
        return sum(map(len, self._out))

    @property
    def has_room(self) -> bool:
        """Whether an actor may be given one more."""
        return min(map(len, self._out)) < self.num_in_flight

    def post(self, errand: Errand, policy: SentPolicy) -> None:
        """Gives the errand to the actor with the fewest; there has to be room.

        Raises:
            SimulatorError: the crew has ended.
        """
        self._refuse_ended()
        number = min(range(len(self._out)), key=lambda each: len(self._out[each]))
        assert len(self._out[number]) < self.num_in_flight, "asked only where there is room"
        self._out[number].append(errand)
        self._actors.submit(number, errand, policy)

    def hear(self) -> News:
        """Waits until something is heard; nothing where no errand is out. An actor that ended has been replaced, with a warning.

        Raises:
            ConfigError: the simulators cannot be made, or not be used.
            SimulatorError: an actor ended, or its simulators failed, and no restart is left. The crew has ended then.
        """
        self._refuse_ended()
        delivered: list[Delivery] = []
        dropped: list[Errand] = []
        while self.num_out and not (delivered or dropped):
            for number, serial, said in self._actors.ready(LOOK_AROUND):
                if all(errand.serial != serial for errand in self._out[number]):
                    continue  # of an actor that was replaced a moment ago
                if isinstance(said, Delivery):
                    self._out[number].remove(said.errand)
                    self.processes[number] = said.process
                    self.counts = self.counts._replace(played=self.counts.played + self.rows)
                    delivered.append(said)
                else:
                    dropped += self._replaced(number, said)
        return News(sorted(delivered, key=lambda each: each.errand.serial), dropped)

    def throw_away(self, delivery: Delivery) -> None:
        """Counts it as stale."""
        self.counts = self.counts._replace(stale=self.counts.stale + len(delivery.errand.starts))

    def close(self) -> None:
        """Ends the actors."""
        self._ended = self._ended or "it was closed"
        self._actors.close()
        for out in self._out:
            out.clear()

    def _replaced(self, number: int, said: Fault | Death) -> list[Errand]:
        """The errands of an actor that another takes the place of."""
        error = _error(number, said)
        dropped = list(self._out[number])
        self._out[number].clear()
        self.processes.pop(number, None)
        self._actors.kill(number)
        counts = self.counts._replace(lost=self.counts.lost + self.rows)
        self.counts = counts
        if isinstance(error, ConfigError) or counts.restarts >= self.max_restarts:
            self._ended = str(error)
            self.close()
            raise error
        self.counts = counts._replace(restarts=counts.restarts + 1)
        warnings.warn(
            f"{error}. Another actor has taken its place, restart {counts.restarts + 1} of {self.max_restarts}; {self.rows} episodes "
            "under way are lost",
            RuntimeWarning,
            stacklevel=2,
        )
        self._actors.start(number)
        return dropped

    def _refuse_ended(self) -> None:
        if self._ended:
            raise SimulatorError(f"expected actors that are at work, got a crew that has ended: {self._ended}; make another")


def _error(number: int, said: Fault | Death) -> SimulatorError | ConfigError:
    if isinstance(said, Death):
        return WorkerDiedError(f"expected actor {number} to live through its episodes, got its end: {said.reason}; look at its machine")
    if said.is_config:
        return ConfigError(said.message)
    if not said.traceback:
        return SimulatorError(f"in actor {number}, {said.message}")
    trace = "\n".join(f"    {line}" for line in said.traceback.splitlines())
    return SimulatorError(
        f"expected the simulators of actor {number} to go on, got {said.message}; its traceback:\n{trace}\n  check the environment"
    )

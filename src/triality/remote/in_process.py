"""Actors that are none: hosts in this process which play when they are listened to, on a clock of their own.

They answer in the same order in every run, and die and dawdle where a script says so: for finding out what becomes of a run when machines
do. They need no cluster; nothing is gained in speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from triality.remote.errand import Death, Errand, Heard
from triality.remote.host import Host, MakeSimulators
from triality.remote.sent_policy import SentPolicy
from triality.simulators.endings import Ending


def _one(actor: int, count: int) -> float:
    del actor, count
    return 1.0


@dataclass(frozen=True)
class Script:
    """What happens to which actor. Errands of an actor are counted from 0 over all that ever stood in its place.

    Args:
        deaths: (actor, errand) at which it dies instead of delivering.
        duration: of an errand by (actor, errand), in units of the clock.
    """

    deaths: frozenset[tuple[int, int]] = frozenset()
    duration: Callable[[int, int], float] = _one


class _Asked(NamedTuple):
    due: float
    actor: int
    count: int
    errand: Errand
    policy: SentPolicy


@dataclass
class _Place:
    """One actor, and what those in its place have been given."""

    host: Host | None = None
    count: int = 0
    busy_until: float = 0.0
    asked: list[_Asked] = field(default_factory=list)


class InProcessActors:
    """``num`` hosts in this process.

    Args:
        make: makes the simulators of one.
        num: how many.
        horizon: T; the time limit if None.
        ending: what follows an episode that ends before.
        script: what happens to them.

    Example:
        >>> from functools import partial
        >>> from triality.simulators.endings import Padded
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> actors = InProcessActors(partial(GymnasiumBatch, "CartPole-v1", 1), 2, 5, Padded())
        >>> actors.start(0)
        >>> actors.ready(0.0)
        []
        >>> actors.close()
    """

    def __init__(self, make: MakeSimulators, num: int, horizon: int | None, ending: Ending, script: Script = Script()):
        self.num, self.now = num, 0.0
        self._make, self._horizon, self._ending, self._script = make, horizon, ending, script
        self._places = [_Place() for _ in range(num)]

    def start(self, number: int) -> None:
        """A host without simulators; it makes them when it first plays."""
        self._places[number].host = Host(self._make, self._horizon, self._ending)

    def submit(self, number: int, errand: Errand, policy: SentPolicy) -> None:
        """Queued behind what the actor has to do already."""
        place = self._places[number]
        place.busy_until = max(place.busy_until, self.now) + self._script.duration(number, place.count)
        place.asked.append(_Asked(place.busy_until, number, place.count, errand, policy))
        place.count += 1

    def ready(self, seconds: float) -> list[Heard]:
        """What is done by now; where there is nothing, the clock moves on to the next that will be. Ties by number."""
        del seconds
        asked = sorted((each for place in self._places for each in place.asked), key=lambda each: each[:3])
        if not asked:
            return []
        self.now = max(self.now, asked[0].due)
        return [self._outcome(each) for each in asked if each.due <= self.now]

    def pass_time(self, duration: float) -> None:
        """The clock moves on while nobody listens, as it does during an update."""
        self.now += duration

    def kill(self, number: int) -> None:
        """Forgets what the actor was to do, and its simulators."""
        place = self._places[number]
        if place.host is not None:
            place.host.close()
        place.host, place.asked, place.busy_until = None, [], self.now

    def close(self) -> None:
        """Closes all simulators."""
        for number in range(self.num):
            self.kill(number)

    def _outcome(self, asked: _Asked) -> Heard:
        place = self._places[asked.actor]
        place.asked.remove(asked)
        if place.host is not None and (asked.actor, asked.count) in self._script.deaths:
            place.host.close()
            place.host = None
        if place.host is None:
            return Heard(asked.actor, asked.errand.serial, Death("the script says so"))
        return Heard(asked.actor, asked.errand.serial, place.host.play(asked.errand, asked.policy))

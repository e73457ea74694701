"""What an actor is asked and what it answers: one episode of each of its simulators, whole or not at all. No jax here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from triality.remote.sent_policy import Label
from triality.simulators.episodes import Played
from triality.simulators.worker_wire import Fault

MOST_SEED = 2**31 - 1


class Errand(NamedTuple):
    """One episode of every simulator of an actor; it gives the same wherever it is done, and however often.

    Fields:
        serial: counts all errands of a collector.
        starts: seeds of the simulators, one each.
        noise: what the randomness of the actions begins from.
    """

    serial: int
    starts: tuple[int, ...]
    noise: tuple[int, ...]

    def randomness(self) -> np.random.Generator:
        """Of the actions."""
        return np.random.default_rng(np.random.SeedSequence(self.noise))


class Delivery(NamedTuple):
    """What came of an errand.

    Fields:
        errand: itself.
        label: the policy that drew the actions, whose log-probabilities the rows hold.
        played: rows of whole episodes, and where the seconds went.
        process: id of the process that played them.
    """

    errand: Errand
    label: Label
    played: Played
    process: int


class Death(NamedTuple):
    """An actor is gone, or cannot be reached; what it was doing is lost.

    Fields:
        reason: in words.
    """

    reason: str


class Heard(NamedTuple):
    """What was heard of one errand.

    Fields:
        actor: its number.
        serial: of the errand.
        said: what came of it; or what went wrong in the simulators; or that there is nobody left to ask.
    """

    actor: int
    serial: int
    said: Delivery | Fault | Death


def fresh_starts(words: Sequence[int], num: int) -> tuple[int, ...]:
    """Seeds of ``num`` simulators from a key's words.

    Example:
        >>> fresh_starts([1, 2], 2) == fresh_starts([1, 2], 2) != fresh_starts([1, 3], 2)
        True
    """
    return tuple(np.random.default_rng(np.random.SeedSequence(list(words))).integers(0, MOST_SEED, num).tolist())

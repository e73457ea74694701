"""How actors are started, asked, heard and ended, whatever carries the messages. No jax here."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from triality.remote.errand import Errand, Heard
from triality.remote.sent_policy import SentPolicy


@runtime_checkable
class Actors(Protocol):
    """``num`` of them, numbered from 0; each does its errands one after the other, in the order in which it was given them.

    Nobody waits here but in ``ready``. Deaths are heard, not raised: once for each errand that the actor still had.
    """

    @property
    def num(self) -> int:
        """How many."""
        ...

    def start(self, number: int) -> None:
        """Puts a new actor in the place of that number, which has none, or had one that was killed."""
        ...

    def submit(self, number: int, errand: Errand, policy: SentPolicy) -> None:
        """Gives an actor one errand more."""
        ...

    def ready(self, seconds: float) -> list[Heard]:
        """What can be heard, waiting up to ``seconds`` for the first of it; nothing where no errand is out."""
        ...

    def kill(self, number: int) -> None:
        """Ends an actor, whether it lives or not. Nothing that it was asked is heard afterwards."""
        ...

    def close(self) -> None:
        """Ends all of them and gives back what they hold. May be called again."""
        ...

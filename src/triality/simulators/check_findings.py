"""What a check has found so far: each kind of fault once, at its first place, with how often it was met.

It may be told on at once, so that it is known elsewhere where the check itself does not come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from triality.errors import ConfigError, SimulatorError
from triality.simulators.child_process import told

T = TypeVar("T")
WHAT_RESET_RETURNS, WHAT_STEP_RETURNS = "what reset returns", "what step returns"
MAKING = "when it is made"
"""The first place of a check."""
Tell = Callable[..., None]
"""(what was done, its arguments as text), as ``Findings.take`` does it again elsewhere."""


def to_nobody(*event: str) -> None:
    """Tells it nobody."""
    del event


class Given(NamedTuple):
    """What one call of an environment gave, kept for comparison."""

    observation: np.ndarray
    reward: Any = 0.0
    terminated: Any = False
    truncated: Any = False

    def equals(self, other: Given) -> bool:
        """To the last bit; NaN is itself."""
        return all(_same(one, another) for one, another in zip(self, other, strict=True))


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"))


class Findings:
    """Faults and notes by their kind, and facts.

    Args:
        tell: is told each of them, and each place before it is looked at.

    Example:
        >>> findings = Findings()
        >>> findings.at("step 3")
        >>> findings.fault("reward", "expected one number, got None; return one")
        >>> findings.fault("reward", "expected one number, got None; return one")
        >>> findings.faults, "reward" in findings
        (('expected one number, got None; return one (2 times)',), True)
        >>> elsewhere = Findings()
        >>> for event in (["at", "step 3"], ["fault", "reward", "expected one number, got None; return one"]):
        ...     elsewhere.take(event)
        >>> elsewhere.place, elsewhere.faults
        ('step 3', ('expected one number, got None; return one',))
    """

    def __init__(self, tell: Tell = to_nobody) -> None:
        self.place = ""
        self.num_raised = 0
        self.facts: dict[str, str] = {}
        self._tell = tell
        self._faults: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._times: dict[str, int] = {}

    def __contains__(self, kind: str) -> bool:
        return kind in self._faults

    @property
    def is_hopeless(self) -> bool:
        """Whether there is little to learn from going on."""
        return self.num_raised > 2 or WHAT_RESET_RETURNS in self or WHAT_STEP_RETURNS in self

    @property
    def faults(self) -> tuple[str, ...]:
        """Texts, in the order in which they were found."""
        return tuple(text + (f" ({self._times[kind]} times)" if self._times[kind] > 1 else "") for kind, text in self._faults.items())

    @property
    def notes(self) -> tuple[str, ...]:
        """Texts, in the order in which they were found."""
        return tuple(self._notes.values())

    def at(self, place: str) -> None:
        """What is looked at from here on: the call that is made next."""
        self.place = place
        self._tell("at", place)

    def fault(self, kind: str, text: str) -> None:
        """Something to mend."""
        self._faults.setdefault(kind, text)
        self._times[kind] = self._times.get(kind, 0) + 1
        self._tell("fault", kind, text)

    def note(self, kind: str, text: str) -> None:
        """Something to look at."""
        self._notes.setdefault(kind, text)
        self._tell("note", kind, text)

    def fact(self, what: str, found: str) -> None:
        """What was looked at, and what came of it."""
        self.facts[what] = found
        self._tell("fact", what, found)

    def take(self, event: Sequence[str]) -> None:
        """What other findings told."""
        {"at": self.at, "fault": self.fault, "note": self.note, "fact": self.fact}[event[0]](*event[1:])

    def hangs(self, patience: float, stack: str) -> None:
        """The call at the present place does not return; the check ends here."""
        wrong = f"{self.place}: expected an answer within {patience:g} s, got nothing"
        self.fault("hangs", told(wrong, "stack", stack, "find out where the environment waits, or raise the patience"))

    def ends(self, how: str, remedy: str, stack: str) -> None:
        """The call at the present place ended the process that the check was in, and so the check."""
        wrong = f"{self.place or 'before it is made'}: expected an answer, got the end of the process {how}"
        self.fault("ends the process", told(wrong, "stack", stack, remedy))

    def held(self, kind: str, check: Callable[[], T]) -> T | None:
        """What ``check`` returns; the error that it raises is a fault of that kind, at the present place, and None."""
        try:
            return check()
        except SimulatorError as error:
            self.fault(kind, f"{self.place}: {error}")
            return None

    def tried(self, call: Callable[[], T]) -> T | None:
        """What the environment returns; what it raises is a fault, and None.

        Raises:
            ConfigError: there is no such environment.
        """
        try:
            return call()
        except ConfigError:
            raise
        except Exception as error:
            self.num_raised += 1
            self.fault(
                f"raises {type(error).__name__}",
                f"{self.place}: expected it to go on, got {type(error).__name__}: {error}{_raised_at(error)}; check the environment there",
            )
            return None


def _raised_at(error: Exception) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"

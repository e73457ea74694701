"""What a Gymnasium environment returned, held against its specification, in this process or in a worker. Every fault has one text."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from triality.errors import SimulatorError


class Outcome(NamedTuple):
    """What one step of one environment gave, checked."""

    observation: np.ndarray
    reward: float
    terminated: bool
    truncated: bool


def checked_start(given: Any, size: int, whose: str) -> Float[np.ndarray, " obs"]:
    """The observation that ``reset`` returned, with its info or without.

    Raises:
        SimulatorError: it is not ``size`` finite numbers; says ``whose``.

    Example:
        >>> checked_start((np.zeros(2), {}), 2, "simulator 0").tolist()
        [0.0, 0.0]
    """
    return checked_observation(given[0] if isinstance(given, tuple) and len(given) == 2 else given, size, whose, "reset")


def checked_outcome(given: Any, size: int, whose: str) -> Outcome:
    """What ``step`` returned.

    Raises:
        SimulatorError: it is not (observation, reward, terminated, truncated, info), or one of these is not what it should be.

    Example:
        >>> checked_outcome((np.zeros(2), 1, False, True, {}), 2, "simulator 0")[1:]
        (1.0, False, True)
    """
    if not isinstance(given, tuple) or len(given) != 5:
        raise SimulatorError(
            f"expected a step of {whose} to return (observation, reward, terminated, truncated, info), "
            f"got {described(given)}; bring the environment to Gymnasium's present interface"
        )
    observation, reward, terminated, truncated, _ = given
    return Outcome(
        checked_observation(observation, size, whose, "step"),
        float(checked_number(reward, whose, "reward", "iuf")),
        bool(checked_number(terminated, whose, "terminated", "b")),
        bool(checked_number(truncated, whose, "truncated", "b")),
    )


def checked_observation(observation: Any, size: int, whose: str, what: str) -> np.ndarray:
    """``size`` finite numbers, as ``what`` observed them.

    Raises:
        SimulatorError: they are not.
    """
    seen = as_array(observation)
    if seen is None or seen.shape != (size,) or seen.dtype.kind not in "fiub":
        got = described(observation) if seen is None else f"{seen.dtype} of shape {seen.shape}"
        raise SimulatorError(
            f"expected {what} of {whose} to observe {size} numbers, got {got}; make the environment keep to its observation space"
        )
    if not np.all(np.isfinite(seen)):
        raise SimulatorError(f"expected finite observations from {what} of {whose}, got {seen}; check the environment and the actions")
    return seen


def checked_number(given: Any, whose: str, what: str, kinds: str) -> np.ndarray:
    """A number, or where ``kinds`` is "b" a truth value, as ``step`` has to return it.

    Raises:
        SimulatorError: it is none, or not finite.
    """
    value = as_array(given)
    if value is None or value.shape != () or value.dtype.kind not in kinds + "b":
        expected = "a truth value" if kinds == "b" else "one number"
        raise SimulatorError(f"expected {expected} as {what} from {whose}, got {described(given)}; make the environment return it plainly")
    if not np.isfinite(value):
        raise SimulatorError(f"expected a finite {what} from {whose}, got {value}; check the environment")
    return value


def as_array(given: Any) -> np.ndarray | None:
    """As numpy reads it; None where it cannot, as of rows of unequal lengths."""
    try:
        return np.asarray(given)
    except (ValueError, TypeError):
        return None


def described(given: Any) -> str:
    """In a few words, for an error.

    Example:
        >>> described((1, 2)), described(None), described(np.zeros(3))
        ('a tuple of 2', 'NoneType None', 'an array of shape (3,)')
    """
    if isinstance(given, tuple):
        return f"a tuple of {len(given)}"
    value = as_array(given)
    if value is not None and value.shape:
        return f"an array of shape {value.shape}"
    text = repr(given)
    return f"{type(given).__name__} {text if len(text) <= 80 else text[:80] + '...'}"

"""How fast a stage goes: steps a second, without the chunks that compile. Imports no jax."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class StageClock:
    """Of one stage after the other; each begins with ``compiling``.

    Args:
        now: seconds.

    Example:
        >>> times = iter((100.0, 101.0, 103.0))
        >>> clock = StageClock(lambda: next(times))
        >>> clock.compiling()
        >>> clock.begun(0)
        >>> [clock.looked(done) for done in (10, 20, 30)][1:]
        [10.0, 6.666666666666667]
        >>> clock.before
        0
        >>> clock.compiling()
        >>> clock.before
        30
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter):
        self._now = now
        self.before, self.done, self._size = 0, 0, 0
        self._times: list[tuple[int, float]] = []

    def compiling(self) -> None:
        """A stage that has steps begins; its first chunk is compiled. ``before``: the steps of the stages before it."""
        self.before, self.done, self._size, self._times = self.before + self.done, 0, 0, []

    def begun(self, done: int) -> None:
        """Where it goes on."""
        self.done = done

    def looked(self, done: int) -> float:
        """After a chunk: steps a second so far; nan until two chunks have ended."""
        self._size = self._size or done - self.done
        if len(self._times) < 2 or done - self.done == self._size:  # a last chunk that is shorter compiles anew
            self._times.append((done, self._now()))
        self.done = done
        (first, start), (last, end) = self._times[0], self._times[-1]
        return (last - first) / (end - start) if last > first else float("nan")


def steps_a_second(rate: float) -> str:
    """For a progress bar: the rate, of slow steps with a decimal; nothing where it is not known yet.

    Example:
        >>> steps_a_second(1234.5), steps_a_second(0.27), steps_a_second(float("nan"))
        (', 1,234/s', ', 0.3/s', '')
    """
    return "" if math.isnan(rate) else f", {rate:,.0f}/s" if rate >= 10 else f", {rate:.1f}/s"

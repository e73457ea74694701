"""How long something takes: repeated, with the median and the middle half beside it, since a machine is never alone with one program."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


class Repeats(NamedTuple):
    """Seconds of each repeat, in the order in which they were taken.

    Fields:
        seconds: by the clock on the wall.
        processor_share: seconds that this process had a processor, over those of the clock: near one for a program on one thread that
            nothing disturbed, above it for several threads, below it where other programs had their turns; None where nobody looked.

    Example:
        >>> times = Repeats((0.4, 0.1, 0.2))
        >>> times.median, times.low.__round__(3), times.high.__round__(3)
        (0.2, 0.15, 0.3)
    """

    seconds: tuple[float, ...]
    processor_share: float | None = None

    @property
    def median(self) -> float:
        """The middle one, seconds."""
        return float(np.median(self.seconds))

    @property
    def low(self) -> float:
        """A quarter was as fast, seconds."""
        return float(np.quantile(self.seconds, 0.25))

    @property
    def high(self) -> float:
        """Three quarters were as fast, seconds."""
        return float(np.quantile(self.seconds, 0.75))

    def each(self, count: int) -> Repeats:
        """Of one of ``count`` equal parts of what was timed."""
        return Repeats(tuple(seconds / count for seconds in self.seconds), self.processor_share)


def timed(call: Callable[[], Any], num_repeats: int) -> Repeats:
    """Seconds of ``num_repeats`` calls, after one that is not counted; each is over when its arrays are there.

    Example:
        >>> len(timed(lambda: None, 3).seconds)
        3
    """
    jax.block_until_ready(call())
    found, processor = [], time.process_time()
    for _ in range(num_repeats):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        found.append(time.perf_counter() - begin)
    return Repeats(tuple(found), (time.process_time() - processor) / sum(found))

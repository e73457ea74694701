"""The slope of a cost against a size on logarithmic axes, with its interval, and whether it is above the order that was stated."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

ABOVE_FLOOR = 4.0
"""Points count once they are this many times the smallest of their sweep: below, what is measured is the cost of starting at all."""
LEAST_POINTS = 3
SLACK = 0.15
"""By which the lower end of an interval may exceed the stated order: data that leave one cache after the other cost more a piece."""
STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31}
"""97.5 % quantiles of Student's t by degrees of freedom."""


class Slope(NamedTuple):
    """Of log cost against log size.

    Fields:
        value: nan where too few points stand out from the floor: it grows by less than can be seen.
        low, high: 95 % interval of the least-squares fit.
        num_points: that it was fitted to.
    """

    value: float
    low: float
    high: float
    num_points: int


def slope(sizes: list[float], costs: list[float], is_log_linear: bool = False) -> Slope:
    """Least squares over the points that stand out from the floor; of costs over log(size) where n log n is the stated order.

    Example:
        >>> found = slope([1.0, 10.0, 100.0, 1000.0], [1.0, 10.0, 100.0, 1000.0])
        >>> round(found.value, 6), found.num_points
        (1.0, 3)
    """
    floor = min(costs)
    chosen = [(size, cost) for size, cost in zip(sizes, costs, strict=True) if cost >= ABOVE_FLOOR * floor and cost > 0]
    if len(chosen) < LEAST_POINTS:
        return Slope(math.nan, math.nan, math.nan, len(chosen))
    x = np.log([size for size, _ in chosen])
    y = np.log([cost / (math.log(size) if is_log_linear else 1.0) for size, cost in chosen])
    centered = x - x.mean()
    value = float(centered @ y / (centered @ centered))
    left = y - y.mean() - value * centered
    degrees = len(chosen) - 2
    error = math.sqrt(float(left @ left) / degrees / float(centered @ centered))
    width = STUDENT.get(degrees, 2.0) * error
    return Slope(value, value - width, value + width, len(chosen))


def is_above(found: Slope, order: float) -> bool:
    """Whether the slope is above the stated order, by more than its interval and ``SLACK``.

    Example:
        >>> is_above(Slope(2.0, 1.9, 2.1, 5), 1.0), is_above(Slope(1.1, 0.9, 1.3, 5), 1.0)
        (True, False)
    """
    return found.low > order + SLACK


def judged(sizes: list[float], points: list[dict[str, Any]], order: float, memory_order: float, is_log_linear: bool) -> dict[str, Any]:
    """Slopes of time and memory of one sweep, and what is above its order, in words; empty where nothing is."""
    time = slope(sizes, [float(np.median(each["seconds"])) for each in points], is_log_linear)
    memory = slope(sizes, [float(each["bytes"]) for each in points])
    above = [word for word, found, stated in (("time", time, order), ("memory", memory, memory_order)) if is_above(found, stated)]
    return {"time": _plain(time), "memory": _plain(memory), "above": above}


def _plain(found: Slope) -> dict[str, Any]:
    """In the words of JSON, which has no nan."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in found._asdict().items()}

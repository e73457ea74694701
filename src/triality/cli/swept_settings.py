"""The algorithms of a sweep as one, or the reason why they are several programs, with the options that could be swept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from triality.cli.ranges import flag
from triality.cli.sweep_options import Point, number_options
from triality.errors import ConfigError, TrialityError
from triality.settings import Settings, are_equal, differ_in_numbers_alone, settings_of

Build = Callable[[Any], Any]
"""The algorithm, or the algorithms, that resolved options name."""
FACTORS = (0.5, 0.25)
"""Of a number, to see what it changes: small numbers are allowed wherever large ones are."""
UNSET = 0.5
"""Stands for a number that is left out, or that is zero."""


def swept_settings(points: Sequence[Point], build: Build) -> Settings:
    """What the points' algorithms are as one, a setting a point.

    Raises:
        ConfigError: they differ in more than numbers, or a swept option changes nothing in them; lists what can be swept.
    """
    algorithms = [build(point.options) for point in points]
    swept = list(points[0].values)
    if not differ_in_numbers_alone(algorithms):
        where = ", ".join(flag(name) for name in swept)
        raise ConfigError(
            f"expected points that differ in numbers of one program with --sweep, got {where} with values that make other programs; start "
            f"a run for each. {_can_be_swept(points[0].options, build)}"
        )
    idle = [name for name in swept if _is_idle(name, points, algorithms)]
    if idle:
        names = ", ".join(flag(name) for name in idle)
        raise ConfigError(
            f"expected options that are numbers of the algorithm with --sweep, got {names}, with which the algorithm is the same; start a "
            f"run for each value. {_can_be_swept(points[0].options, build)}"
        )
    return settings_of(algorithms)


def sweepable(options: Any, build: Build) -> tuple[str, ...]:
    """Options whose values are leaves of what ``build`` makes: tried, one after the other.

    Args:
        options: resolved.
        build: of the command.
    """
    return tuple(name for name in number_options(type(options)) if _changes_numbers_alone(name, options, build))


def _can_be_swept(options: Any, build: Build) -> str:
    names = sweepable(options, build)
    return f"With these options {', '.join(map(flag, names))} can be swept" if names else "With these options nothing can be swept"


def _changes_numbers_alone(name: str, options: Any, build: Build) -> bool:
    value = getattr(options, name) or UNSET
    try:
        algorithms = [build(replace(options, **{name: factor * value})) for factor in FACTORS]
    except TrialityError:
        return False
    return differ_in_numbers_alone(algorithms) and not are_equal(algorithms)


def _is_idle(name: str, points: Sequence[Point], algorithms: Sequence[Any]) -> bool:
    """Whether all points that differ in this option alone have equal algorithms; of one value nothing can be said."""
    by_others: dict[tuple[Any, ...], list[Any]] = {}
    for point, algorithm in zip(points, algorithms, strict=True):
        others = tuple(value for other, value in point.values.items() if other != name)
        by_others.setdefault(others, []).append(algorithm)
    groups = [group for group in by_others.values() if len(group) > 1]
    return bool(groups) and all(are_equal(group) for group in groups)

"""A sweep whose points have been checked, each as a run of its own, before jax is imported and before a folder is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from triality.cli.sweep_options import Point, points_of, swept_values
from triality.errors import ConfigError


class PlannedSweep(NamedTuple):
    """A checked sweep.

    Fields:
        plan: of the first point, written to the folder of the sweep.
        points: all of them, options resolved.
        swept: values by option.
    """

    plan: Any
    points: tuple[Point, ...]
    swept: Mapping[str, Sequence[float]]

    def plan_of(self, point: Point) -> Any:
        """As if the point were a run of its own."""
        return self.plan._replace(options=point.options)


def planned(options: Any, check: Callable[[Any], Any], resolve_like: Callable[[Any, Any], Any]) -> PlannedSweep:
    """The plan of a sweep.

    Args:
        options: of the command, with what is swept.
        check: makes the plan of a run from its options.
        resolve_like: options of a point as its run would store them, from the plan of the first point and those options.

    Raises:
        ConfigError: as for a run; names the point whose options cannot be used.
        DataError: as for a run.
    """
    points = points_of(options)
    plan = check(replace(points[0].options, out=options.out))
    resolved = tuple(point._replace(options=named(point, lambda given: resolve_like(plan, given))) for point in points)
    return PlannedSweep(plan, resolved, swept_values(options))


def named(point: Point, of_options: Callable[[Any], Any]) -> Any:
    """What ``of_options`` makes of the point's options.

    Raises:
        ConfigError: as it does, with the point's name.
    """
    try:
        return of_options(point.options)
    except ConfigError as error:
        raise ConfigError(f"{point.name}: {error}") from error

"""``triality irl --sweep``: every point checked as a run of its own, before jax is imported and before a folder is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from triality.cli.irl import Plan, check, check_options, task_of
from triality.cli.options import IrlOptions
from triality.cli.sweep_options import Point, points_of, swept_values
from triality.errors import ConfigError


class IrlSweep(NamedTuple):
    """A checked sweep.

    Fields:
        plan: of the first point, written to the folder of the sweep.
        points: all of them, options resolved.
        swept: values by option.
    """

    plan: Plan
    points: tuple[Point, ...]
    swept: Mapping[str, Sequence[float]]

    def plan_of(self, point: Point) -> Plan:
        """As if the point were a run of its own."""
        return self.plan._replace(options=point.options)


def check_points(options: IrlOptions) -> IrlSweep:
    """The plan of a sweep.

    Raises:
        ConfigError: as for a run; names the point whose options cannot be used. On the host nothing is one program.
        DataError: as for a run.
    """
    points, task = points_of(options), task_of(options)
    if task.on_host:
        raise ConfigError(
            f"expected a compiled environment with --sweep, got {task.bare.name} on the host, where runs follow one another; "
            "start a run for each value"
        )
    choices = [_checked(point) for point in points]
    plan = check(replace(points[0].options, out=options.out))
    resolved = (
        point._replace(options=replace(choice, num_demos=plan.options.num_demos)) for point, choice in zip(points, choices, strict=True)
    )
    return IrlSweep(plan, tuple(resolved), swept_values(options))


def _checked(point: Point) -> IrlOptions:
    try:
        return check_options(point.options).options
    except ConfigError as error:
        raise ConfigError(f"{point.name}: {error}") from error

"""``triality ebm --sweep``: every point checked as a run of its own, before jax is imported and before a folder is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from triality.cli.ebm import DensityPlan, check, resolve_like
from triality.cli.options import EbmOptions
from triality.cli.sweep_options import Point, points_of, swept_values
from triality.errors import ConfigError


class DensitySweep(NamedTuple):
    """A checked sweep.

    Fields:
        plan: of the first point, written to the folder of the sweep.
        points: all of them, options resolved.
        swept: values by option.
    """

    plan: DensityPlan
    points: tuple[Point, ...]
    swept: Mapping[str, Sequence[float]]

    def plan_of(self, point: Point) -> DensityPlan:
        """As if the point were a run of its own."""
        return self.plan._replace(options=point.options)


def check_points(options: EbmOptions) -> DensitySweep:
    """The plan of a sweep.

    Raises:
        ConfigError: as for a run; names the point whose options cannot be used.
        DataError: as for a run.
    """
    points = points_of(options)
    plan = check(replace(points[0].options, out=options.out))
    resolved = tuple(point._replace(options=_resolved(point, plan)) for point in points)
    return DensitySweep(plan, resolved, swept_values(options))


def _resolved(point: Point, plan: DensityPlan) -> EbmOptions:
    try:
        return resolve_like(plan, point.options)
    except ConfigError as error:
        raise ConfigError(f"{point.name}: {error}") from error

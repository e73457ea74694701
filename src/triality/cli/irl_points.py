"""``triality irl --sweep``: every point checked as a run of its own, before jax is imported and before a folder is made."""

from __future__ import annotations

from dataclasses import replace

from triality.cli.irl import check, check_options, task_of
from triality.cli.options import IrlOptions
from triality.cli.planned_sweep import PlannedSweep, named
from triality.cli.sweep_options import points_of, swept_values
from triality.errors import ConfigError


def check_points(options: IrlOptions) -> PlannedSweep:
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
    choices = [named(point, check_options).options for point in points]
    plan = check(replace(points[0].options, out=options.out))
    resolved = (
        point._replace(options=replace(choice, num_demos=plan.options.num_demos)) for point, choice in zip(points, choices, strict=True)
    )
    return PlannedSweep(plan, tuple(resolved), swept_values(options))

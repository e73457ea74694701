"""The body of ``triality ebm --sweep``."""

from __future__ import annotations

from triality.cli.density_learning import conclude, found_in, inputs_of, refuse_large
from triality.cli.density_rows import fit_points, learnings
from triality.cli.density_split import log_scale_of, split_of
from triality.cli.notes import print_note
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.stage_sweep import StagedCommand, learn_points


def learn_sweep(sweep: PlannedSweep) -> int:
    """Run a checked sweep to its end."""
    plan = sweep.plan
    for note in plan.notes:
        print_note(note)
    split = split_of(plan)
    command = StagedCommand(
        "ebm",
        found_in(plan, split),
        inputs_of,
        learnings=lambda options: learnings(options, split),
        refuse_large=lambda num_points: refuse_large(plan.options, split, num_points),
        log_scale=log_scale_of(split),
        fit=lambda options, seed, told: fit_points(options, split, seed, told),
        conclude=lambda folder, point, learned, config, share: conclude(folder, sweep.plan_of(point), split, learned, config, share),
    )
    return learn_points(sweep, command)

"""The body of ``triality seq --sweep``."""

from __future__ import annotations

from triality.cli.notes import print_note
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.seq_learning import conclude, found_in, inputs_of, read_data, refuse_large
from triality.cli.seq_rows import fit_points, learnings
from triality.cli.stage_sweep import StagedCommand, learn_points


def learn_sweep(sweep: PlannedSweep) -> int:
    """Run a checked sweep to its end."""
    plan = sweep.plan
    oracle, data = read_data(plan)
    for note in plan.notes:
        print_note(note)
    command = StagedCommand(
        "seq",
        found_in(plan, data),
        inputs_of,
        learnings=lambda options: learnings(options, data),
        refuse_large=lambda num_points: refuse_large(plan.options, data, num_points),
        log_scale=0.0,
        fit=lambda options, seed, told: fit_points(options, data, seed, told),
        conclude=lambda folder, point, learned, config, share: conclude(folder, point.options, (oracle, data), learned, config, share),
    )
    return learn_points(sweep, command)

"""The body of ``triality seq --sweep``: all points of a seed in one program, then every point judged as a run of its own."""

from __future__ import annotations

from triality.cli.density_sweep import REMEDY
from triality.cli.failing import EndsThePoint
from triality.cli.notes import print_note
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.seq_learning import conclude, console, found_in, inputs_of, read_data, refuse_large
from triality.cli.seq_rows import fit_points, learnings
from triality.cli.seq_stages import FittedSequences
from triality.cli.stage_keeper import StageKeeper
from triality.cli.sweep_end import begun_folder, print_sweep, share_of, sweep_config, write_sweep
from triality.cli.swept_settings import swept_settings
from triality.cli.told_of_points import ToldOfPoints
from triality.cli.training import progress_bar
from triality.runs.keeper import kept_run
from triality.runs.sweep_folder import SUFFIX


def learn_sweep(sweep: PlannedSweep) -> int:
    """Run a checked sweep to its end."""
    plan, points = sweep.plan, sweep.points
    options, names = plan.options, [point.name for point in points]
    oracle, data = read_data(plan)
    for note in plan.notes:
        print_note(note)
    swept_settings(points, lambda options: learnings(options, data))
    found = found_in(plan, data)
    config = {**sweep_config(options, sweep.swept), **found}
    refuse_large(options, data, len(points))
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), track=options.track)
    with kept_run(options.out, f"seq{SUFFIX}", config, keeping, print_note) as keeper:
        ends = EndsThePoint(keeper, points, 1, "seq", REMEDY, print_note)
        stages = StageKeeper(keeper, lambda: ends.parts)
        fits: list[list[FittedSequences]] = []
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                told = ToldOfPoints(bar, stages, seed, names, 0.0, ends)
                fits.append(fit_points([point.options for point in points], data, seed, told))
        stages.ended()
        for index, point in enumerate(points):
            folder = None if point.name in ends.failed else begun_folder(keeper.folder, point, "seq", inputs_of(options), found)
            if folder is not None:
                of_point = [of_seed[index] for of_seed in fits]
                config_of_point = folder.read_config()["config"]
                conclude(folder, point.options, (oracle, data), of_point, config_of_point, share_of(keeper, len(points)))
        result = write_sweep("seq", keeper.folder, config, points, ends.failed, keeper.seconds)
        keeper.finished(result)
    print_sweep(console, result, options.out)
    return 0

"""The body of ``triality ebm --sweep``: all points of a seed in one program, then every point judged as a run of its own."""

from __future__ import annotations

from triality.cli.density_learning import conclude, console, found_in, inputs_of, refuse_large
from triality.cli.density_rows import fit_points, learnings
from triality.cli.density_split import log_scale_of, split_of
from triality.cli.density_stages import Fitted
from triality.cli.failing import EndsThePoint
from triality.cli.notes import print_note
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.stage_keeper import StageKeeper
from triality.cli.sweep_end import begun_folder, print_sweep, share_of, sweep_config, write_sweep
from triality.cli.swept_settings import swept_settings
from triality.cli.told_of_points import ToldOfPoints
from triality.cli.training import progress_bar
from triality.runs.keeper import kept_run
from triality.runs.sweep_folder import SUFFIX

REMEDY = "lower the learning rate"


def learn_sweep(sweep: PlannedSweep) -> int:
    """Run a checked sweep to its end."""
    plan, points = sweep.plan, sweep.points
    options, names = plan.options, [point.name for point in points]
    for note in plan.notes:
        print_note(note)
    split = split_of(plan)
    swept_settings(points, lambda options: learnings(options, split))
    found = found_in(plan, split)
    config = {**sweep_config(options, sweep.swept), **found}
    refuse_large(options, split, len(points))
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), track=options.track)
    with kept_run(options.out, f"ebm{SUFFIX}", config, keeping, print_note) as keeper:
        ends = EndsThePoint(keeper, points, 1, "ebm", REMEDY, print_note)
        stages = StageKeeper(keeper, lambda: ends.parts)
        fits: list[list[Fitted]] = []
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                told = ToldOfPoints(bar, stages, seed, names, log_scale_of(split), ends)
                fits.append(fit_points([point.options for point in points], split, seed, told))
        stages.ended()
        for index, point in enumerate(points):
            folder = None if point.name in ends.failed else begun_folder(keeper.folder, point, "ebm", inputs_of(options), found)
            if folder is not None:
                of_point = [of_seed[index] for of_seed in fits]
                config_of_point = folder.read_config()["config"]
                conclude(folder, sweep.plan_of(point), split, of_point, config_of_point, share_of(keeper, len(points)))
        result = write_sweep("ebm", keeper.folder, config, points, ends.failed, keeper.seconds)
        keeper.finished(result)
    print_sweep(console, result, options.out)
    return 0

"""A sweep of a run in stages (``ebm``, ``seq``): all points of a seed in one program, then every point judged as a run of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from triality.cli.failing import EndsThePoint
from triality.cli.notes import console, print_note
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.stage_keeper import StageKeeper
from triality.cli.sweep_end import begun_folder, print_sweep, share_of, sweep_config, write_sweep
from triality.cli.sweep_options import Point
from triality.cli.swept_settings import swept_settings
from triality.cli.told_of_points import ToldOfPoints
from triality.cli.training import progress_bar
from triality.runs.folder import RunFolder
from triality.runs.keeper import kept_run
from triality.runs.sweep_folder import SUFFIX

REMEDY = "lower the learning rate"


class StagedCommand(NamedTuple):
    """What a sweep needs to know of its command.

    Fields:
        name: "ebm" or "seq".
        found: what the configurations hold beside the options.
        inputs: of options, as ``RunFolder.write_config`` takes them.
        learnings: of options, the algorithms that learn a point.
        refuse_large: raises where so many points cannot fit into memory.
        log_scale: subtracted from log densities that are told.
        fit: what every point learned with one seed, from (options of the points, seed, whom to tell).
        conclude: judges a point and writes its report, from (its folder, itself, what it learned with each seed, its configuration, its
            share of the seconds).
    """

    name: str
    found: Mapping[str, Any]
    inputs: Callable[[Any], Mapping[str, str]]
    learnings: Callable[[Any], Any]
    refuse_large: Callable[[int], None]
    log_scale: float
    fit: Callable[[Sequence[Any], int, ToldOfPoints], Sequence[Any]]
    conclude: Callable[[RunFolder, Point, list[Any], dict[str, Any], Callable[[], float]], Any]


def learn_points(sweep: PlannedSweep, command: StagedCommand) -> int:
    """Run a checked sweep to its end, or on from where an earlier process came.

    Raises:
        ConfigError: the points are no numbers of one program, or too many for the memory.
    """
    points, options = sweep.points, sweep.plan.options
    swept_settings(points, command.learnings)
    command.refuse_large(len(points))
    config = {**sweep_config(options, sweep.swept), **command.found}
    keeping = options.kept.keeping(options.overwrite, command.inputs(options), track=options.track)
    with kept_run(options.out, f"{command.name}{SUFFIX}", config, keeping, print_note) as keeper:
        ends = EndsThePoint(keeper, points, 1, command.name, REMEDY, print_note)
        stages = StageKeeper(keeper, lambda: ends.parts)
        fits: list[Sequence[Any]] = []
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                told = ToldOfPoints(bar, stages, seed, [point.name for point in points], command.log_scale, ends)
                fits.append(command.fit([point.options for point in points], seed, told))
        stages.ended()
        for index, point in enumerate(points):
            folder = None
            if point.name not in ends.failed:
                folder = begun_folder(keeper.folder, point, command.name, command.inputs(options), command.found)
            if folder is not None:
                learned, its_config = [of_seed[index] for of_seed in fits], folder.read_config()["config"]
                command.conclude(folder, point, learned, its_config, share_of(keeper, len(points)))
        result = write_sweep(command.name, keeper.folder, config, points, ends.failed, keeper.seconds)
        keeper.finished(result)
    print_sweep(console, result, options.out)
    return 0

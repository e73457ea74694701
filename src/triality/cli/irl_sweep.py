"""The body of ``triality irl --sweep``: all points and seeds in one program, then every point judged as a run of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from triality.algorithms.dagger import Dagger
from triality.cli.conclusion import Effort, Judging, compiled_judging, conclude
from triality.cli.evaluation import return_scale
from triality.cli.experiment import build_algorithm, first_states_of, seeds_of, state_template
from triality.cli.expert_policy import load_expert
from triality.cli.failing import EndsThePoint
from triality.cli.learning import at_once_of, console, inputs_of, remedy_of, train
from triality.cli.notes import print_note
from triality.cli.options import IrlOptions
from triality.cli.planned_sweep import PlannedSweep
from triality.cli.rows import RunRows
from triality.cli.sweep_end import begun_folder, print_sweep, share_of, sweep_config, write_sweep
from triality.cli.swept_settings import swept_settings
from triality.runs.keeper import Keeper, kept_run
from triality.runs.sweep_folder import SUFFIX


def learn_sweep(sweep: PlannedSweep) -> int:
    """Run a checked sweep to its end."""
    plan, options = sweep.plan, sweep.plan.options
    for note in plan.notes:
        print_note(note)
    expert = None if plan.expert is None else load_expert(plan.expert)
    settings = swept_settings(sweep.points, lambda options: build_algorithm(options, plan.task, expert))
    with console.status("what random actions earn"):
        scale = return_scale(plan)
    if scale.warning is not None:
        print_note(scale.warning)
    algorithm = settings.of(0)
    shapes = state_template(algorithm, plan.task, replace(options, seeds=options.seeds * len(sweep.points)))
    names = tuple(point.name for point in sweep.points)
    rows = RunRows(settings.repeated(options.seeds), names, seeds_of(options), at_once_of(options, shapes))
    config = sweep_config(options, sweep.swept)
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), not isinstance(algorithm, Dagger), options.track)
    judging = compiled_judging(scale, algorithm)
    with kept_run(options.out, f"irl{SUFFIX}", config, keeping, print_note) as keeper:
        first = shapes if keeper.resumes else first_states_of(rows, plan)
        failing = EndsThePoint(keeper, sweep.points, options.seeds, "irl", remedy_of(algorithm), print_note)
        states, speed, steps = train(rows, first, options, keeper, failing)
        keeper.closing()
        for index, point in enumerate(sweep.points):
            if point.name not in failing.failed:
                effort = Effort(steps, None if speed is None else speed / len(names), share_of(keeper, len(names)))
                _conclude(sweep, index, rows, states, judging, effort, keeper)
        result = write_sweep("irl", keeper.folder, config, sweep.points, failing.failed, keeper.seconds)
        keeper.finished(result)
    print_sweep(console, result, options.out)
    return 0


def _conclude(sweep: PlannedSweep, index: int, rows: RunRows, states: Any, judging: Judging, effort: Effort, keeper: Keeper) -> None:
    """Writes the folder of a point, unless an earlier process came so far."""
    point, options = sweep.points[index], sweep.points[index].options
    assert isinstance(options, IrlOptions), "a sweep of irl"
    folder = begun_folder(keeper.folder, point, "irl", inputs_of(options))
    if folder is not None:
        algorithm, plan = rows.settings.of(index * options.seeds), sweep.plan_of(point)
        conclude(folder, plan, algorithm, rows.states_of(index, states), judging, effort, console)

"""The body of ``triality irl``: run in chunks, log, evaluate in Gymnasium, and leave a run folder that explains itself."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree
from rich.console import Console

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.dagger import Dagger
from triality.algorithms.guarded import Guarded, GuardedState
from triality.cli.conclusion import Effort, Judging, compiled_judging, conclude
from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.evaluation import return_scale
from triality.cli.experiment import Learning, RollsOut, build_algorithm, first_states_of, seeds_of, state_template
from triality.cli.expert_policy import load_expert
from triality.cli.failing import EndsTheRun, Failing
from triality.cli.host_learning import HostRuns
from triality.cli.irl import Plan
from triality.cli.machine_limits import refuse_beyond_memory, rows_at_once
from triality.cli.notes import print_note
from triality.cli.options import IrlOptions
from triality.cli.pace import Pace
from triality.cli.rows import ALONE, RunRows
from triality.cli.tables import print_result
from triality.cli.training import STATES, chunks, flat_metrics, progress_bar
from triality.devices.fleet import Fleet, OneDevice
from triality.run import run
from triality.runs.resumption import digest_of
from triality.runs.shared_keeper import AnyKeeper
from triality.settings import one_setting
from triality.trajectory import Trajectory

ONE_DEVICE = OneDevice()
CHUNK = 5
"""Iterations between two looks of the host: progress, metrics, the check for NaN."""
CLONING_STEPS = 100
"""Gradient steps of cloning that count as one iteration of the command."""
REMEDY = "lower --cost-learning-rate or --policy-learning-rate, or raise --gradient-penalty"
CLONING_REMEDY = "lower --policy-learning-rate"
FEWER = "ask for fewer --num-rollouts, --seeds, --num-demos or --past-samplers"

console = Console()


def learn(plan: Plan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    for note in plan.notes:
        print_note(note)
    algorithm = build_algorithm(options, plan.task, None if plan.expert is None else load_expert(plan.expert))
    # First: an environment that cannot be judged is found out before anything is learned.
    with console.status("what random actions earn"):
        scale = return_scale(plan)
    if scale.warning is not None:
        print_note(scale.warning)
    rolls_out = not isinstance(algorithm, BehavioralCloning)
    host = HostRuns(plan, algorithm, remedy_of(algorithm)) if rolls_out and plan.task.on_host else None
    shapes = state_template(algorithm, plan.task, options)
    at_once = None
    if host is None:
        at_once = at_once_of(options, shapes)
    else:
        refuse_beyond_memory("a run", _size(shapes), FEWER)
    rows = RunRows(one_setting(algorithm), ALONE, seeds_of(options), at_once)
    # On the host the seeds run one after the other, and what DAgger keeps is as large as its rounds are many.
    is_extendable = not isinstance(algorithm, Dagger) and (host is None or options.seeds == 1)
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), is_extendable, options.track)
    kept = crew.kept_run(options.out, "irl", as_config(options), keeping, print_note)
    with nullcontext() if host is None else closing(host), kept as keeper:
        if keeper.resumes:
            first: Any = shapes
        else:
            first = first_states_of(rows, plan) if host is None else host.first_states()
        if host is None:
            states, speed, steps = train(rows, first, options, keeper, EndsTheRun(remedy_of(algorithm)), crew.fleet)
            judging = compiled_judging(scale, algorithm)
        else:
            states, speed, steps = host.train(first, keeper)
            judging = Judging(scale, host.fresh, lambda state: host.fresh(state, options.num_rollouts))
        keeper.closing()
        if not crew.leads:
            return 0
        ended = conclude(keeper.folder, plan, algorithm, states, judging, Effort(steps, speed, lambda: keeper.seconds), console)
        keeper.finished(ended.summary)
    print_result(console, ended.summary, ended.report)
    return 0


def inputs_of(options: IrlOptions) -> dict[str, str]:
    """What the run reads, told apart by content: demonstrations, and the expert that it asks (of a run the learned state alone)."""
    expert = options.expert
    if expert is None:
        return {"demos": digest_of(options.demos)}
    state = expert / "state.ckpt"
    return {"demos": digest_of(options.demos), "expert": digest_of(state if state.is_file() else expert)}


def at_once_of(options: IrlOptions, shapes: PyTree) -> int:
    """Rows that are computed side by side, of states of these shapes: as asked for, else as many as fit into the memory."""
    num_rows = jax.tree.leaves(shapes)[0].shape[0]
    return rows_at_once("a run", _size(shapes), num_rows, FEWER, options.seeds_at_once)


def _size(shapes: PyTree) -> int:
    """Bytes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def train(
    rows: RunRows, first: Any, options: IrlOptions, keeper: AnyKeeper, failing: Failing, fleet: Fleet = ONE_DEVICE
) -> tuple[Any, float | None, int]:
    """Chunks of compiled iterations; returns the last states, environment steps a second over all rows, and the steps of one point.

    ``first`` are the first states of all rows, or their shapes alone where the run resumes.

    Raises:
        NonFiniteError: the cost or the policy became NaN or infinite again and again, and ``failing`` does not put up with it.
        StoppedError: a signal asked for an end.
    """
    keeper.refuse_shorter(options.iterations)
    algorithm, num_rows = rows.algorithm, len(rows.all)
    guarded = fleet.placed(rows.on(fleet).guarded)
    length = CLONING_STEPS if isinstance(algorithm, BehavioralCloning) else 1
    parts = list(chunks(options.iterations, 1 if isinstance(algorithm, Dagger) else CHUNK, keeper.step))
    programs = {size: fleet.over_settings(lambda a, s, size=size: run(a, s, size, length)[:2], num_rows, rows.at_once) for _, size in parts}
    begun = first_or_kept(Guarded(algorithm), first, keeper)
    per_iteration = 0 if isinstance(algorithm, BehavioralCloning) else _steps_of(algorithm, begun.state, options)
    pace, going = Pace(), begun
    keeper.look({STATES: going, **failing.parts}, keeper.step)
    there = fleet.placed(begun, num_rows)
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=options.iterations, completed=keeper.step, rate="")
        for done, size in parts:
            start = time.perf_counter()
            there, metrics = jax.block_until_ready(programs[size](guarded, there))
            pace.record(size, size * per_iteration * num_rows, time.perf_counter() - start)
            going, metrics = fleet.here((there, metrics))
            failing.look(going, f"iterations {done - size + 1}-{done}", done - size, done)
            _log(keeper, metrics, going.skipped, rows, failing, done, done * per_iteration)
            bar.update(task, completed=done, description="learning", rate=pace.words)
            keeper.look({STATES: going, **failing.parts}, done, final=done == options.iterations)
    tell_skipped(going)
    return going.state, pace.steps_per_second, options.iterations * per_iteration * options.seeds


def tell_skipped(going: GuardedState) -> None:
    """Says how many steps gave NaN and were not taken, if any."""
    if skipped := int(np.sum(going.skipped)):
        print_note(f"{skipped} step(s) gave NaN or infinity and were not taken; see 'skipped' in metrics.jsonl")


def first_or_kept(guarded: Guarded, first: Any, keeper: AnyKeeper) -> GuardedState:
    """The guarded states of all rows to go on from."""
    if not keeper.resumes:
        return jax.vmap(guarded.init)(first)
    return keeper.restored(STATES, jax.eval_shape(jax.vmap(guarded.init), first))


def remedy_of(algorithm: Learning) -> str:
    """What to do where its numbers are no longer finite."""
    return REMEDY if isinstance(algorithm, CostLearning) else CLONING_REMEDY


def _steps_of(algorithm: RollsOut, states: Any, options: IrlOptions) -> int:
    """Environment steps of one iteration of one seed; says so where the roll-outs are not as many as asked for."""

    def collect(states: Any) -> Trajectory:
        one: Any = jax.tree.map(lambda leaf: leaf[0], states)
        return algorithm.collect(one.key, one)

    num_rollouts, horizon = jax.eval_shape(collect, states).mask.shape
    if num_rollouts != options.num_rollouts:
        print_note(
            f"{num_rollouts} roll-outs an iteration instead of {options.num_rollouts}: those from the demonstrations' own starts are "
            f"rounded up to equal shares for {options.num_demos} demonstration(s), at least two each"
        )
    return num_rollouts * horizon


def _log(keeper: AnyKeeper, metrics: Any, skipped: Any, rows: RunRows, failing: Failing, done: int, env_steps: int) -> None:
    """One line a row that has not failed: the last iteration of the chunk."""
    flat = flat_metrics(jax.tree.map(lambda leaf: np.asarray(leaf)[:, -1, -1], metrics)) | {"skipped": np.asarray(skipped)}
    for index, row in enumerate(rows.all):
        if row.point in failing.failed:
            continue
        numbers = {name: values[index].tolist() for name, values in flat.items()}
        keeper.log({**row.place, "iteration": done, "env_steps": env_steps, "seconds": keeper.seconds, **numbers})

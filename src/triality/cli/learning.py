"""The body of ``triality irl``: run in chunks, log, evaluate in Gymnasium, and leave a run folder that explains itself."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from rich.console import Console
from rich.markup import escape

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.dagger import Dagger
from triality.cli.diagnosis import diagnose, fresh_rollouts
from triality.cli.evaluation import return_scale, seed_records, summarize
from triality.cli.experiment import Learning, build_algorithm, first_states
from triality.cli.expert_policy import load_expert
from triality.cli.host_learning import HostRuns
from triality.cli.irl import Plan
from triality.cli.options import IrlOptions
from triality.cli.pace import Pace
from triality.cli.pictures import picture_arrays
from triality.cli.tables import print_result
from triality.cli.training import flat_metrics, learned_of, leave_states, progress_bar, refuse_non_finite
from triality.run import over_seeds, run
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report
from triality.trajectory import Trajectory

CHUNK = 5
"""Iterations between two looks of the host: progress, metrics, the check for NaN."""
CLONING_STEPS = 100
"""Gradient steps of cloning that count as one iteration of the command."""
REMEDY = "lower --cost-learning-rate or --policy-learning-rate, or raise --gradient-penalty"
CLONING_REMEDY = "lower --policy-learning-rate"

console = Console()


def learn(plan: Plan) -> int:
    """Run a checked command to its end."""
    begin, options = time.perf_counter(), plan.options
    for note in plan.notes:
        print_note(note)
    algorithm = build_algorithm(options, plan.task, None if plan.expert is None else load_expert(plan.expert))
    # First: an environment that cannot be judged is found out before anything is learned.
    with console.status("what random actions earn"):
        scale = return_scale(plan)
    if scale.warning is not None:
        print_note(scale.warning)
    rolls_out = not isinstance(algorithm, BehavioralCloning)
    host = HostRuns(plan, algorithm, _remedy(algorithm)) if rolls_out and plan.task.on_host else None
    states: Any = first_states(algorithm, plan) if host is None else host.first_states()
    folder = RunFolder.create(options.out, options.overwrite)
    config = as_config(options)
    folder.write_config("irl", config)
    if host is None:
        states, speed, steps = train(algorithm, states, options, folder, begin)
    else:
        states, speed, steps = host.train(states, folder, config)
    write_checkpoint(folder.state_path, states, step=options.iterations, config=config)
    with console.status(f"evaluating in {plan.task.simulator}, 100 episodes a seed"):
        records = seed_records(states.policy, plan, scale)
    verdicts = {}
    if isinstance(algorithm, CostLearning):
        with console.status("estimating log Z"):
            verdicts = diagnose(algorithm, states, fresh_rollouts(algorithm) if host is None else host.fresh)
        first = jax.tree.map(lambda leaf: leaf[0], states)
        drawn = eqx.filter_jit(algorithm.collect)(jax.random.key(7), first) if host is None else host.fresh(first, options.num_rollouts)
        arrays = picture_arrays(first, drawn, plan.task)
        replace_file(folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    seconds = time.perf_counter() - begin
    summary = summarize("irl", config, records, verdicts, steps, speed, seconds)
    folder.write_summary(summary)
    report = write_report(folder.path)
    print_result(console, summary, report)
    return 0


def print_note(note: str) -> None:
    """What the user should know before a long run."""
    console.print(f"[yellow]note[/yellow] {escape(note)}")


def train(algorithm: Learning, states: Any, options: IrlOptions, folder: RunFolder, begin: float) -> tuple[Any, float | None, int]:
    """Chunks of compiled iterations; returns the last states, environment steps a second over all seeds, and steps taken.

    Raises:
        NonFiniteError: the cost or the policy became NaN or infinite.
        KeyboardInterrupt: passed on, the states until then are in the folder.
    """
    length = CLONING_STEPS if isinstance(algorithm, BehavioralCloning) else 1
    per_iteration = 0 if isinstance(algorithm, BehavioralCloning) else _steps_of(algorithm, states, options)
    parts = list(_chunks(options.iterations, 1 if isinstance(algorithm, Dagger) else CHUNK))
    chunks = {size: over_seeds(lambda a, s, size=size: run(a, s, size, length)[:2]) for _, size in parts}
    pace, reached = Pace(), 0
    try:
        with progress_bar(console) as bar:
            task = bar.add_task("compiling", total=options.iterations, rate="")
            for done, size in parts:
                start = time.perf_counter()
                after, metrics = chunks[size](algorithm, states)
                jax.block_until_ready(metrics)
                pace.record(size, size * per_iteration * options.seeds, time.perf_counter() - start)
                refuse_non_finite(learned_of(after), done - size + 1, done, _remedy(algorithm))
                states, reached = after, done
                _log(folder, metrics, options, done, done * per_iteration, time.perf_counter() - begin)
                bar.update(task, completed=done, description="learning", rate=pace.words)
    except KeyboardInterrupt:
        console.print(leave_states(folder, states, reached, as_config(options)), soft_wrap=True, highlight=False)
        raise
    return states, pace.steps_per_second, options.iterations * per_iteration * options.seeds


def _remedy(algorithm: Learning) -> str:
    return REMEDY if isinstance(algorithm, CostLearning) else CLONING_REMEDY


def _chunks(total: int, length: int) -> Iterator[tuple[int, int]]:
    """(iterations done after it, size) of every chunk; the last may be short."""
    for start in range(0, total, length):
        size = min(length, total - start)
        yield start + size, size


def _steps_of(algorithm: CostLearning | Dagger, states: Any, options: IrlOptions) -> int:
    """Environment steps of one iteration of one seed; says so where the roll-outs are not as many as asked for."""

    def collect(states: Any) -> Trajectory:
        one = jax.tree.map(lambda leaf: leaf[0], states)
        return algorithm.collect(one.key, one)

    num_rollouts, horizon = jax.eval_shape(collect, states).mask.shape
    if num_rollouts != options.num_rollouts:
        print_note(
            f"{num_rollouts} roll-outs an iteration instead of {options.num_rollouts}: those from the demonstrations' own starts are "
            f"rounded up to equal shares for {options.num_demos} demonstration(s), at least two each"
        )
    return num_rollouts * horizon


def _log(folder: RunFolder, metrics: Any, options: IrlOptions, done: int, env_steps: int, seconds: float) -> None:
    """One line a seed: the last iteration of the chunk."""
    flat = flat_metrics(jax.tree.map(lambda leaf: np.asarray(leaf)[:, -1, -1], metrics))
    for index in range(options.seeds):
        numbers = {name: values[index].tolist() for name, values in flat.items()}
        folder.metrics.append({"seed": options.seed + index, "iteration": done, "env_steps": env_steps, "seconds": seconds, **numbers})


def as_config(options: Any) -> dict[str, Any]:
    """The options as JSON holds them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(options).items()}

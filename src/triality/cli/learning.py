"""The body of ``triality irl``: run in chunks, log, evaluate in Gymnasium, and leave a run folder that explains itself."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.guided_cost import CostLearning, State
from triality.cli.diagnosis import diagnose
from triality.cli.evaluation import seed_records, summarize
from triality.cli.experiment import build_algorithm, first_states
from triality.cli.irl import Plan
from triality.cli.options import IrlOptions
from triality.cli.pictures import picture_arrays
from triality.cli.tables import print_result
from triality.cli.training import progress_bar
from triality.errors import NonFiniteError
from triality.run import over_seeds, run
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report

CHUNK = 5
"""Iterations between two looks of the host: progress, metrics, the check for NaN."""
CLONING_STEPS = 100
"""Gradient steps of cloning that count as one iteration of the command."""

console = Console()


def learn(options: IrlOptions, plan: Plan) -> int:
    """Run a checked command to its end."""
    begin = time.perf_counter()
    for note in plan.notes:
        console.print(f"[yellow]note[/yellow] {note}")
    algorithm = build_algorithm(options, plan.task, plan.objective)
    states = first_states(algorithm, plan, options)
    folder = RunFolder.create(options.out, options.overwrite)
    config = as_config(options)
    folder.write_config("irl", config)
    states, speed, steps = train(algorithm, states, options, plan, folder, begin)
    write_checkpoint(folder.state_path, states, step=options.iterations, config=config)
    with console.status(f"evaluating in {options.env}, 100 episodes a seed"):
        records = seed_records(states.policy, plan, options)
    verdicts = {}
    if isinstance(algorithm, CostLearning):
        with console.status("estimating log Z"):
            verdicts = diagnose(algorithm, states)
        np.savez(folder.path / "figures.npz", allow_pickle=False, **picture_arrays(algorithm, states, plan.task))
    seconds = time.perf_counter() - begin
    summary = summarize("irl", config, records, verdicts, steps, speed, seconds)
    folder.write_summary(summary)
    report = write_report(folder.path)
    print_result(console, summary, report)
    return 0


def train(
    algorithm: CostLearning | BehavioralCloning, states: Any, options: IrlOptions, plan: Plan, folder: RunFolder, begin: float
) -> tuple[Any, float, int]:
    """Chunks of compiled iterations; returns the last states, environment steps a second over all seeds, and steps taken."""
    cloning = isinstance(algorithm, BehavioralCloning)
    length = CLONING_STEPS if cloning else 1
    per_iteration = 0 if cloning else _steps_of(algorithm, states)
    chunks = {size: over_seeds(lambda a, s, size=size: run(a, s, size, length)[:2]) for _, size in _chunks(options.iterations)}
    taken, first, spent = 0, 0.0, 0.0
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=options.iterations, rate="")
        for done, size in _chunks(options.iterations):
            start = time.perf_counter()
            states, metrics = chunks[size](algorithm, states)
            jax.block_until_ready(metrics)
            elapsed = time.perf_counter() - start
            _refuse_non_finite(metrics, done)
            taken += size * per_iteration * options.seeds
            if done == size:
                first = elapsed
            else:
                spent += elapsed
            rate = (taken - CHUNK * per_iteration * options.seeds) / spent if spent else 0.0
            _log(folder, metrics, options, done, done * per_iteration, time.perf_counter() - begin)
            bar.update(
                task, completed=done, description="learning", rate=f"{rate:,.0f} env steps/s" if rate else f"compiled, {first:.0f} s"
            )
    return states, rate if rate else taken / max(first, 1e-9), taken


def _chunks(total: int) -> Iterator[tuple[int, int]]:
    """(iterations done after it, size) of every chunk; the last may be short."""
    for start in range(0, total, CHUNK):
        size = min(CHUNK, total - start)
        yield start + size, size


def _steps_of(algorithm: CostLearning, states: State) -> int:
    """Environment steps of one iteration of one seed."""
    one = jax.eval_shape(lambda s: algorithm.collect(s.key, s), jax.tree.map(lambda leaf: leaf[0], states))
    return int(np.prod(one.mask.shape))


def _log(folder: RunFolder, metrics: Any, options: IrlOptions, done: int, env_steps: int, seconds: float) -> None:
    """One line a seed: the last iteration of the chunk."""
    last = jax.tree.map(lambda leaf: np.asarray(leaf)[:, -1, -1], metrics)
    flat = {**last._asdict(), **(last.policy._asdict() if hasattr(last, "policy") else {})}
    for index in range(options.seeds):
        numbers = {name: values[index].item() for name, values in flat.items() if isinstance(values, np.ndarray)}
        folder.metrics.append({"seed": options.seed + index, "iteration": done, "env_steps": env_steps, "seconds": seconds, **numbers})


def _refuse_non_finite(metrics: Any, done: int) -> None:
    if hasattr(metrics, "is_finite") and not bool(np.all(metrics.is_finite)):
        raise NonFiniteError(
            f"expected finite parameters, got NaN or infinity in the cost or the policy within iterations {done - CHUNK + 1}-{done}; "
            "lower --cost-learning-rate, or raise --gradient-penalty. Nothing of that state was saved"
        )


def as_config(options: Any) -> dict[str, Any]:
    """The options as JSON holds them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(options).items()}

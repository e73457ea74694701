"""Training of policies with progress on the screen: shared by ``expert`` and ``retrain``."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from triality.algorithms.policy_training import PolicyTraining
from triality.run import over_seeds, run

CHUNK = 10


def progress_bar(console: Console) -> Progress:
    """Iterations done, a rate, time spent and time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


def train_policies(training: PolicyTraining, states: Any, iterations: int, console: Console) -> Any:
    """``iterations`` steps of every state along the leading axis, in compiled chunks; returns the last states."""
    sizes = {min(CHUNK, iterations - start) for start in range(0, iterations, CHUNK)}
    chunks = {size: over_seeds(lambda training, states, size=size: run(training, states, 1, size)[:2]) for size in sizes}
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=iterations, rate="")
        for start in range(0, iterations, CHUNK):
            begin, size = time.perf_counter(), min(CHUNK, iterations - start)
            states, metrics = chunks[size](training, states)
            jax.block_until_ready(metrics)
            seeds = jax.tree.leaves(states)[0].shape[0]
            rate = size * training.num_rollouts * training.horizon * seeds / (time.perf_counter() - begin)
            mean = float(np.mean(np.asarray(metrics.return_mean)[:, -1, -1]))
            label = f"{rate:,.0f} env steps/s, true return {mean:.1f}"
            bar.update(task, completed=start + size, description="training", rate=label)
    return states

"""Training with progress on the screen and checkpoints: shared by ``irl``, ``expert`` and ``retrain``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from triality.algorithms.guarded import Guarded, refuse_failing
from triality.algorithms.policy_training import PolicyTraining
from triality.cli.pace import Pace
from triality.run import over_seeds, run
from triality.runs.keeper import Keeper

CHUNK = 10
STATES = "states"
"""The part of a checkpoint that holds the states of all seeds."""


def progress_bar(console: Console) -> Progress:
    """Iterations done, a rate, time spent and time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


def train_policies(training: PolicyTraining, states: Any, iterations: int, console: Console, remedy: str, keeper: Keeper) -> Any:
    """``iterations`` steps of every state along the leading axis, in compiled chunks; returns the last states.

    Raises:
        NonFiniteError: a policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    guarded = Guarded(training)
    parts = list(chunks(iterations, CHUNK, keeper.step))
    programs = {size: over_seeds(lambda training, states, size=size: run(training, states, 1, size)[:2]) for _, size in parts}
    steps = training.num_rollouts * training.horizon * jax.tree.leaves(states)[0].shape[0]
    first, pace = jax.vmap(guarded.init)(states), Pace()
    going = keeper.restored(STATES, first) if keeper.resumes else first
    keeper.look({STATES: going}, keeper.step)
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=iterations, completed=keeper.step, rate="")
        for done, size in parts:
            begin = time.perf_counter()
            going, metrics = programs[size](guarded, going)
            jax.block_until_ready(metrics)
            pace.record(size, size * steps, time.perf_counter() - begin)
            refuse_failing(going, f"iterations {done - size + 1}-{done}", remedy)
            mean = float(np.mean(np.asarray(metrics.return_mean)[:, -1, -1]))
            label = ", ".join(part for part in (pace.words, f"true return {mean:.1f}") if part)
            bar.update(task, completed=done, description="training", rate=label)
            keeper.log({"iteration": done, "return_mean": mean, "seconds": keeper.seconds})
            keeper.look({STATES: going}, done)
    return going.state


def chunks(total: int, length: int, begin: int = 0) -> Iterator[tuple[int, int]]:
    """(iterations done after it, size) of every chunk from ``begin`` on; they end at multiples of ``length``, and at ``total``.

    Example:
        >>> list(chunks(5, 2)), list(chunks(8, 3, begin=4))
        ([(2, 2), (4, 2), (5, 1)], [(6, 2), (8, 2)])
    """
    while begin < total:
        end = min(begin - begin % length + length, total)
        yield end, end - begin
        begin = end


def flat_metrics(metrics: Any) -> dict[str, Any]:
    """Arrays by name, those of the parts of a record beside its own; where a name is taken, the record's own counts.

    Example:
        >>> from typing import NamedTuple
        >>> class Update(NamedTuple):
        ...     kl: float
        ...     ess: float
        >>> class Outer(NamedTuple):
        ...     ess: float
        ...     policy: Update
        >>> flat_metrics(Outer(2.0, Update(0.1, 3.0)))
        {'kl': 0.1, 'ess': 2.0}
    """
    parts = {name: value for name, value in metrics._asdict().items() if hasattr(value, "_asdict")}
    flat = {name: value for part in parts.values() for name, value in flat_metrics(part).items()}
    return flat | {name: value for name, value in metrics._asdict().items() if name not in parts and value is not None}

"""Training with progress on the screen, and the check for NaN: shared by ``irl``, ``expert`` and ``retrain``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from triality.algorithms.policy_training import PolicyTraining
from triality.cli.pace import Pace
from triality.errors import NonFiniteError
from triality.run import over_seeds, run
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder

CHUNK = 10


def progress_bar(console: Console) -> Progress:
    """Iterations done, a rate, time spent and time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


def train_policies(training: PolicyTraining, states: Any, iterations: int, console: Console, remedy: str) -> Any:
    """``iterations`` steps of every state along the leading axis, in compiled chunks; returns the last states.

    Raises:
        NonFiniteError: a policy became NaN or infinite; ends with the ``remedy``.
    """
    sizes = {min(CHUNK, iterations - start) for start in range(0, iterations, CHUNK)}
    chunks = {size: over_seeds(lambda training, states, size=size: run(training, states, 1, size)[:2]) for size in sizes}
    steps = training.num_rollouts * training.horizon * jax.tree.leaves(states)[0].shape[0]
    pace = Pace()
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=iterations, rate="")
        for start in range(0, iterations, CHUNK):
            begin, size = time.perf_counter(), min(CHUNK, iterations - start)
            states, metrics = chunks[size](training, states)
            jax.block_until_ready(metrics)
            pace.record(size, size * steps, time.perf_counter() - begin)
            refuse_non_finite(states.policy, start + 1, start + size, remedy)
            mean = float(np.mean(np.asarray(metrics.return_mean)[:, -1, -1]))
            label = ", ".join(part for part in (pace.words, f"true return {mean:.1f}") if part)
            bar.update(task, completed=start + size, description="training", rate=label)
    return states


def leave_states(folder: RunFolder, states: Any, iterations: int, config: Mapping[str, Any]) -> str:
    """The checkpoint of a run that does not come to its end; returns what to tell the user."""
    write_checkpoint(folder.state_path, states, step=iterations, config=config)
    return f"What was learned until then is in {folder.state_path}; triality eval, export, retrain and play take it as it is"


def learned_of(states: Any) -> tuple[Any, Any]:
    """The policy, and the cost where one is learned."""
    return states.policy, getattr(states, "cost", None)


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


def refuse_non_finite(learned: Any, first: int, last: int, remedy: str) -> None:
    """Raise where something in ``learned`` became NaN or infinite in iterations ``first`` to ``last``.

    Raises:
        NonFiniteError: ends with the ``remedy``.
    """
    leaves = jax.tree.leaves(eqx.filter(learned, eqx.is_inexact_array))
    if not all(np.all(np.isfinite(leaf)) for leaf in leaves):
        raise NonFiniteError(
            f"expected finite parameters, got NaN or infinity within iterations {first}-{last}; {remedy}. Nothing of that state was saved"
        )

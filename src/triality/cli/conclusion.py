"""The end of ``triality irl``: states kept, judged in Gymnasium, log Z estimated, and all of it put into the folder of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from rich.console import Console

from triality.algorithms.cost_learning import CostLearning
from triality.cli.config import as_config
from triality.cli.diagnosis import Fresh, diagnose, fresh_rollouts
from triality.cli.evaluation import seed_records, summarize
from triality.cli.experiment import Learning
from triality.cli.irl import Plan
from triality.cli.pictures import picture_arrays
from triality.data.reference_returns import ReturnScale
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report
from triality.trajectory import Trajectory


class Effort(NamedTuple):
    """What learning took.

    Fields:
        env_steps: of all seeds.
        env_steps_per_second: None where it was not measured.
        seconds: asked for when everything is done.
    """

    env_steps: int
    env_steps_per_second: float | None
    seconds: Callable[[], float]


class Judging(NamedTuple):
    """What runs are judged with.

    Fields:
        scale: what returns are held against.
        fresh: fresh roll-outs of a learned policy, for log Z; None where no cost is learned.
        pictured: the roll-outs that are drawn; None as well.
    """

    scale: ReturnScale
    fresh: Fresh | None
    pictured: Callable[[Any], Trajectory] | None


class Concluded(NamedTuple):
    """The summary, and the path of the report."""

    summary: dict[str, Any]
    report: Path


def conclude(
    folder: RunFolder, plan: Plan, algorithm: Learning, states: Any, judging: Judging, effort: Effort, console: Console
) -> Concluded:
    """Everything that a run writes at its end, of the costs that were learned: where the algorithm keeps a mean of their course, not the
    last ones, which the policies followed.

    Raises:
        SimulatorError: the environment failed while the policies were judged.
        StorageError: a file cannot be written.
    """
    config = as_config(plan.options)
    states = algorithm.learned(states) if isinstance(algorithm, CostLearning) else states
    write_checkpoint(folder.state_path, states, step=plan.options.iterations, config=config)
    with console.status(f"evaluating in {plan.task.simulator}, 100 episodes a seed"):
        records = seed_records(states.policy, plan, judging.scale)
    verdicts = {}
    if isinstance(algorithm, CostLearning) and judging.fresh is not None and judging.pictured is not None:
        with console.status("estimating log Z"):
            verdicts = diagnose(algorithm, states, judging.fresh)
        first = jax.tree.map(lambda leaf: leaf[0], states)
        arrays = picture_arrays(first, judging.pictured(first), plan.task)
        replace_file(folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    summary = summarize("irl", config, records, verdicts, effort.env_steps, effort.env_steps_per_second, effort.seconds())
    folder.write_summary(summary)
    return Concluded(summary, write_report(folder.path))


def compiled_judging(scale: ReturnScale, algorithm: Learning) -> Judging:
    """By compiled roll-outs, of a compiled run; whatever numbers of the algorithm are swept, they draw alike."""
    if not isinstance(algorithm, CostLearning):
        return Judging(scale, None, None)
    collect = eqx.filter_jit(algorithm.collect)
    return Judging(scale, fresh_rollouts(algorithm), lambda state: collect(jax.random.key(7), state))

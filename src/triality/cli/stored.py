"""A finished run, read back: its options, its task, and the states in its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from triality.cli.irl import task_of
from triality.cli.irl_defaults import resolve
from triality.cli.names import COSTLESS, METHODS, Task
from triality.cli.notes import print_note
from triality.cli.options import IrlOptions
from triality.cli.stored_options import options_from
from triality.data.reference_returns import RANDOM_RETURNS, ReturnScale
from triality.errors import ConfigError, StorageError
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.resumption import refuse_foreign

IDENTITY = ("env", "algorithm", "level", "seed", "seeds")
"""Options by which a state that an earlier version left is still told from another run's."""


class StoredRun(NamedTuple):
    """What ``eval`` and ``retrain`` start from.

    Fields:
        folder: the run folder.
        options: as the run had them, resolved.
        summary: as the run wrote it; None where it was stopped, killed or failed, and left a checkpoint all the same.
        task: the environment.
    """

    folder: RunFolder
    options: IrlOptions
    summary: dict[str, Any] | None
    task: Task

    @property
    def scale(self) -> ReturnScale:
        """What returns are held against; of an unfinished run no more than is kept of random actions."""
        if self.summary is not None:
            return ReturnScale(self.summary["iqm"]["random_return"], self.summary["iqm"]["expert_return"])
        kept = RANDOM_RETURNS.get(self.task.bare.name)
        return ReturnScale(None if kept is None else kept.mean, None)

    @property
    def seed_records(self) -> list[dict[str, Any]]:
        """What each seed came to; none of an unfinished run."""
        return [] if self.summary is None else self.summary["seeds"]


def open_run(path: Path) -> StoredRun:
    """A ``triality irl`` run that is finished, or that left a checkpoint when it was stopped, was killed or failed.

    Raises:
        ConfigError, StorageError: no run folder, another command's, or one that left nothing.
    """
    folder = RunFolder.open(path)
    record = folder.read_config()
    if record.get("command") != "irl":
        raise StorageError(f"{path}: expected a run of triality irl, got one of '{record.get('command')}'; name another folder")
    options = options_from(IrlOptions, record["config"], folder.config_path)
    # Not checked again: what the command refuses today, an earlier one may have run.
    task = task_of(options)
    unfinished = not folder.summary_path.exists() and (folder.state_path.is_file() or bool(CheckpointSeries(path).paths()))
    return StoredRun(folder, resolve(options, task), None if unfinished else folder.read_summary(), task)


def open_run_with_cost(path: Path) -> StoredRun:
    """The same, of a run that learned a cost.

    Raises:
        ConfigError, StorageError: as ``open_run``; a method that learns none.
    """
    stored = open_run(path)
    if stored.options.algorithm in COSTLESS:
        method = METHODS[stored.options.algorithm]
        raise ConfigError(f"expected a run that learned a cost, got {method} in {path}; use gan-gcl, guided-cost, airl or f-irl")
    return stored


def learned_in(run: StoredRun) -> Path:
    """The file that what the run learned is read from.

    Raises:
        StorageError: there is none.
    """
    series = CheckpointSeries(run.folder.path)
    paths = [run.folder.state_path] if run.folder.state_path.is_file() else series.paths()
    if not paths:
        raise StorageError(f"{run.folder.path}: expected a checkpoint, got none; resume the run, or run it again")
    return paths[0]


class Loaded(NamedTuple):
    """What a run has learned.

    Fields:
        algorithm: that its options name.
        states: of all seeds, stacked; their costs are what was learned (``CostLearning.learned``).
        unfinished: of a run that has not come to its end ``{"unfinished": {"iteration", "of", "checkpoint"}}``, for the record; else empty.
    """

    algorithm: Any
    states: Any
    unfinished: dict[str, Any]


def load_states(run: StoredRun) -> tuple[Any, Any]:
    """The algorithm, and the stacked states of all seeds; of an unfinished run it is printed where it stands."""
    return load(run)[:2]


def load(run: StoredRun, say: Callable[[str], None] = print_note) -> Loaded:
    """The same, with where it stands for the record.

    Raises:
        StorageError: nothing that can be read, or a checkpoint of another run.
    """
    from triality.algorithms.cost_learning import CostLearning
    from triality.cli.experiment import build_algorithm, state_template
    from triality.cli.training import STATES
    from triality.runs.checkpoint import restored
    from triality.runs.checkpoint_file import read_leaves

    algorithm = build_algorithm(run.options, run.task)
    template = state_template(algorithm, run.task, run.options)
    if run.folder.state_path.is_file():
        stored = read_leaves(run.folder.state_path)
        refuse_foreign(stored.config, run.folder, run.folder.state_path, IDENTITY)
        states = restored(stored, template, str(run.folder.state_path))
        return Loaded(algorithm, states, unfinished(run, stored.step, run.folder.state_path, say))
    series = CheckpointSeries(run.folder.path)
    found = series.newest_sound()
    if found is None:
        raise StorageError(f"{run.folder.path}: expected a checkpoint that can be read, got none; resume the run, or run it again")
    path, stored = found
    refuse_foreign(stored.config, run.folder, series.folder, IDENTITY)
    states: Any = restored(stored, template, str(series.folder), f"['{STATES}'].state")
    states = algorithm.learned(states) if isinstance(algorithm, CostLearning) else states
    return Loaded(algorithm, states, unfinished(run, stored.step, path, say))


def unfinished(run: StoredRun, step: int, path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Where an unfinished run stands, for the record; said as well."""
    if run.summary is not None:
        return {}
    in_turn = run.task.on_host and run.options.seeds > 1 and path != run.folder.state_path
    planned = run.options.iterations * (run.options.seeds if in_turn else 1)
    whose = f", counted over {run.options.seeds} seeds that learn one after the other," if in_turn else ""
    name = str(path.relative_to(run.folder.path))
    say(
        f"{run.folder.path} has not come to its end: this is iteration {step:,} of {planned:,}{whose} from {name}; its own command with "
        "--resume goes on"
    )
    return {"unfinished": {"iteration": step, "of": planned, "checkpoint": name}}

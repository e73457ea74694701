"""What the names of ``--track`` mean: the one table. Imports no jax, and no tracker's own package before a run begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from triality.cli.names import nearest
from triality.errors import ConfigError
from triality.tracking.guarded import GuardedTracker, print_to_stderr
from triality.tracking.tensorboard import TensorBoardTracker
from triality.tracking.tracker import Together, Tracker
from triality.tracking.wandb import WandbTracker

TRACKERS: dict[str, Callable[[Path], Tracker]] = {"tensorboard": TensorBoardTracker, "wandb": WandbTracker}
"""By the name on the command line, which is that of the package as well."""


def check_trackers(names: Sequence[str]) -> None:
    """Raise unless every name is a tracker whose package is installed: for the checks before anything compiles.

    Raises:
        ConfigError: lists every name that is none, given twice, or of a package that is missing.

    Example:
        >>> check_trackers(["tensorbord"])
        Traceback (most recent call last):
        triality.errors.ConfigError: expected trackers, got 'tensorbord'; did you mean 'tensorboard'? choose one of tensorboard, wandb
    """
    problems = [f"expected trackers, got '{name}'; {nearest(name, TRACKERS)}" for name in names if name not in TRACKERS]
    problems += [f"expected every tracker once, got {name} again; name it once" for name in TRACKERS if list(names).count(name) > 1]
    problems += [
        f'expected the package {name}, got none installed; do pip install "triality[track]"'
        for name in TRACKERS
        if name in names and not _is_installed(name)
    ]
    if problems:
        raise ConfigError(problems[0] if len(problems) == 1 else "\n  - ".join(("expected other trackers", *problems)))


def make_trackers(names: Sequence[str], folder: Path, note: Callable[[str], None] = print_to_stderr) -> Tracker:
    """Everything of that name as one tracker, each guarded so that it can neither stop nor slow the run.

    Args:
        names: as ``check_trackers`` accepts; of none it is a tracker that tells nobody.
        folder: of the run; the trackers write into it, from ``begin`` on.
        note: is told, on the run's own thread, what became of a tracker that raised or was slow.
    """
    return Together(tuple(GuardedTracker(TRACKERS[name](folder), name, note) for name in names))


def _is_installed(package: str) -> bool:
    """A folder of that name in the working directory, which W&B makes, is no package."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None

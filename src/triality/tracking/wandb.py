"""Weights & Biases: offline unless the environment says otherwise, so that nothing leaves the machine by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triality.data.optional_packages import import_package
from triality.tracking.records import results_of

MODE, REPORTING, PROJECT = "WANDB_MODE", "WANDB_ERROR_REPORTING", "WANDB_PROJECT"
OFFLINE = "offline"
WAIT = 20.0
"""Seconds that a server may take to begin or to finish a run, where one is asked for."""


class WandbTracker:
    """A run of Weights & Biases in ``wandb/`` of the run folder; ``wandb sync`` uploads it, at any later time.

    With ``WANDB_MODE=online`` in the environment it is uploaded while it goes on. Every number is drawn over ``iteration`` and not over
    the package's own step, which may never go back: seeds that run one after another begin anew.

    Args:
        folder: of the run.

    Raises:
        ConfigError: from ``begin``, if the package is not installed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._run: Any = None

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        """Begins the run, in the project ``triality`` or that of ``WANDB_PROJECT``."""
        mode = os.environ.get(MODE, OFFLINE)
        if mode == OFFLINE:
            # Read when the package is imported: its reports about itself go over the network even where its runs do not.
            os.environ.setdefault(REPORTING, "false")
        wandb = import_package("wandb", "track")
        # The package waits for its server when the process exits, whoever gave it up: no longer than this.
        limits = {"init_timeout": WAIT, "finish_timeout": WAIT}
        settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, **limits)
        project = os.environ.get(PROJECT, "triality")
        self._run = wandb.init(project=project, name=run, dir=str(self.folder), mode=mode, config=dict(config), settings=settings)
        self._run.define_metric("iteration", hidden=True)
        self._run.define_metric("*", step_metric="iteration")

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """One row with all numbers that are known."""
        self._run.log({"iteration": step, **{name: value for name, value in numbers.items() if value is not None}})

    def end(self, summary: Mapping[str, Any] | None) -> None:
        """Leaves the results as the run's summary; a run that broke off is marked as failed."""
        if summary is not None:
            self._run.summary.update(results_of(summary))
        self._run.finish(exit_code=1 if summary is None else 0)

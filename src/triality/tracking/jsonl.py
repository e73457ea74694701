"""The tracker that is always there: the metrics log of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triality.runs.metrics_log import MetricsLog


@dataclass(frozen=True)
class JsonlTracker:
    """Appends to a metrics log, in the form that ``triality report`` draws its curves from.

    The commands write theirs themselves, with the seed in each record. This is for loops of one's own.

    Args:
        metrics: such as ``RunFolder.metrics``.
        seed: of the run that is told about.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> tracker = JsonlTracker(MetricsLog(Path(tempfile.mkdtemp()) / "metrics.jsonl"))
        >>> tracker.log(10, {"loss": 0.5})
        >>> tracker.metrics.read()
        [{'seed': 0, 'iteration': 10, 'loss': 0.5}]
    """

    metrics: MetricsLog
    seed: int = 0

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        """Nothing: the run folder holds the configuration."""

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """One line.

        Raises:
            StorageError: it cannot be written.
        """
        self.metrics.append({"seed": self.seed, "iteration": step, **numbers})

    def end(self, summary: Mapping[str, Any] | None) -> None:
        """Nothing: the run folder holds the summary."""

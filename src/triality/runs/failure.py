"""What a run leaves that met NaN or infinity: the state whose next step gives it again, and where, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triality.errors import NonFiniteError
from triality.runs.checkpoint import leaves_of
from triality.runs.checkpoint_file import write_leaves
from triality.runs.json_files import write_json

STATE, WORDS = "failed.ckpt", "failed.json"


def write_failure(folder: Path, error: NonFiniteError, step: int, config: Mapping[str, Any]) -> None:
    """``failed.ckpt`` and ``failed.json``; nothing where the error holds no state.

    Args:
        folder: of the run.
        error: as the guard raises it.
        step: that the run had done when it was looked at last.
        config: of the run.

    Raises:
        StorageError: they cannot be written.
    """
    if error.failing is None:
        return
    write_leaves(folder / STATE, leaves_of({"state": error.failing}), step=step, config=config)
    write_json(folder / WORDS, {"error": str(error), "leaves": list(error.names)})

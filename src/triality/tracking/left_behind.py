"""What trackers leave in a run folder, known by name, so that a run that is overwritten takes it along."""

from __future__ import annotations

from pathlib import Path

EVENTS = "events.out.tfevents."
"""How the names of TensorBoard's files begin; it finds them by it."""
WANDB = "wandb"
"""The folder that W&B makes."""


def is_left_by_tracker(entry: Path) -> bool:
    """Whether a file or folder in a run folder is a tracker's.

    Example:
        >>> is_left_by_tracker(Path("runs/first/events.out.tfevents.1700000000.host.7")), is_left_by_tracker(Path("runs/first/config.json"))
        (True, False)
    """
    is_folder = entry.is_dir() and not entry.is_symlink()
    return entry.name == WANDB if is_folder else entry.name.startswith(EVENTS)

"""What the folder of a sweep is told by: the command that made it, and the folders of its points. Imports no jax."""

from __future__ import annotations

from pathlib import Path

SUFFIX = " sweep"
"""Of the command: ``irl sweep`` is a sweep of ``irl``."""
RESULT, PAGE = "sweep.json", "sweep.html"
SIGN = "="
"""In the name of every point's folder, which says the values of what is swept."""


def is_sweep(command: str) -> bool:
    """Whether a folder of this command holds those of points.

    Example:
        >>> is_sweep("irl sweep"), is_sweep("irl")
        (True, False)
    """
    return command.endswith(SUFFIX)


def is_point(folder: Path) -> bool:
    """Whether the folder is that of a point, by its name."""
    return SIGN in folder.name and folder.is_dir() and not folder.is_symlink()

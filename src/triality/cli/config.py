"""The options of a command as ``config.json`` holds them. Imports no jax."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any


def as_config(options: Any) -> dict[str, Any]:
    """The options as JSON holds them; those on how the run is kept (``kept``) are an object of their own.

    Without ``sweep``: a sweep writes what it sweeps in a form of its own, and of all other runs it says nothing.
    """
    given = dataclasses.asdict(options)
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items() if name != "sweep"}

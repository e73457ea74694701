"""The repository of this project, where the command runs from a checkout of it: its benchmarks and its example demonstrations. No jax."""

from __future__ import annotations

from pathlib import Path

MARK = Path("benchmarks") / "irl_vs_imitation.py"


def find_checkout() -> Path | None:
    """The folder of the checkout that this library lies in, or else that one works in; None where there is neither."""
    return next(
        (folder for folder in (*Path(__file__).resolve().parents, Path.cwd(), *Path.cwd().parents) if (folder / MARK).is_file()), None
    )

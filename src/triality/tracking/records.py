"""From what a run writes into its folder to what a tracker is told: numbers under names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

PLACE = ("point", "seed", "iteration")
"""Fields of a record that say where it stands; they become the step and the prefix."""
NOT_RESULTS = ("config", "seeds")
"""Fields of a summary that are no result of the run as a whole."""


def numbers_of(record: Mapping[str, Any], num_seeds: int) -> tuple[int, dict[str, float | None]]:
    """The step and the numbers of one record of ``metrics.jsonl``, as ``Tracker.log`` takes them.

    Args:
        record: with ``iteration``, and ``seed`` where there are several.
        num_seeds: seeds of the run; from two on every name stands behind its seed.

    Example:
        >>> numbers_of({"seed": 3, "iteration": 50, "loss": 0.25, "is_finite": True, "power": None}, num_seeds=2)
        (50, {'seed-3/loss': 0.25, 'seed-3/power': None})
        >>> numbers_of({"seed": 0, "iteration": 50, "loss": float("inf")}, num_seeds=1)
        (50, {'loss': None})
    """
    prefix = f"{record['point']}/" if "point" in record else ""
    prefix += f"seed-{record['seed']}/" if num_seeds > 1 else ""
    told = {name: value for name, value in record.items() if name not in PLACE and (value is None or _is_number(value))}
    return int(record["iteration"]), {prefix + name: _finite(value) for name, value in told.items()}


def results_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """Every finite number of a summary under one flat name; without its configuration and its single seeds.

    Example:
        >>> results_of({"iqm": {"return_mean": -160.0, "overlap": None}, "alarm": "agree", "seconds": 9, "seeds": [{"return_mean": 1.0}]})
        {'iqm/return_mean': -160.0, 'seconds': 9.0}
    """
    return _flat({name: value for name, value in summary.items() if name not in NOT_RESULTS}, "")


def _flat(block: Mapping[str, Any], prefix: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in block.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}/")
        elif _is_number(value) and math.isfinite(value):
            found[f"{prefix}{name}"] = float(value)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None

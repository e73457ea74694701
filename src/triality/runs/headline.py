"""The one number that a run is known by in a list, and what it is a run on. Imports no jax."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeGuard

from triality.runs.report.words import number

RESULTS = {"irl": ("return_normalized", "normalized return"), "ebm": ("test_log_likelihood", "log likelihood"), "seq": ("nll_test", "NLL")}
"""By command: the field of the summary's means that counts, and its name."""
LOGGED = (("return_mean", "return"), ("validation", "validation"), ("negative_log_likelihood", "loss"))
"""Fields of the log, and their names; of these the first that there is stands for a run without a result."""


def headline_of(command: str, summary: Mapping[str, Any] | None, records: Sequence[Mapping[str, Any]]) -> str:
    """The result of a run; where there is none, the last number that was logged, a median over the seeds.

    Example:
        >>> headline_of("irl", {"iqm": {"return_normalized": 0.98765}}, [])
        'normalized return 0.988'
        >>> headline_of("ebm", None, [{"seed": 0, "validation": -2.5}, {"seed": 0, "validation": -2.25}])
        'validation −2.250 so far'
    """
    field, name = RESULTS.get(command, ("", ""))
    overall = summary.get("iqm") if summary else None
    result = overall.get(field) if isinstance(overall, Mapping) else None
    if _is_finite(result):
        return f"{name} {number(float(result), 3 if command == 'irl' else 4)}"
    for field, name in LOGGED:
        last = {record.get("seed"): record[field] for record in records if _is_finite(record.get(field))}
        if last:
            return f"{name} {number(statistics.median(last.values()), 4)}" + ("" if summary else " so far")
    return ""


def headline_of_sweep(result: Mapping[str, Any]) -> str:
    """The best point of a sweep, as ``sweep.json`` has it.

    Example:
        >>> points = [{"folder": "rate=1", "value": 0.5}, {"folder": "rate=2", "value": 0.9}]
        >>> headline_of_sweep({"best": "rate=2", "points": points})
        'best of 2: rate=2, 0.9000'
    """
    points = result.get("points")
    points = [each for each in points if isinstance(each, Mapping)] if isinstance(points, list) else []
    value = next((each.get("value") for each in points if each.get("folder") == result.get("best")), None)
    return f"best of {len(points)}: {result['best']}, {number(float(value), 4)}" if _is_finite(value) else ""


def subject_of(config: Mapping[str, Any]) -> str:
    """What a run is on, and by what: environment or data, and the names of its method.

    Example:
        >>> subject_of({"env": "Pendulum-v1", "algorithm": "gan-gcl"})
        'Pendulum-v1, gan-gcl'
        >>> subject_of({"data": "tables/wine.csv", "generator": "maf", "objective": "nce"})
        'wine.csv, maf, nce'
    """
    data = config.get("data")
    on = config.get("env") or config.get("target") or (PurePath(str(data)).name if data else None)
    return ", ".join(str(part) for part in (on, config.get("algorithm"), config.get("generator"), _objective(config)) if part)


def _objective(config: Mapping[str, Any]) -> Any:
    """Of densities and sequences alone: of a policy the algorithm says enough."""
    return config.get("objective") if "generator" in config else None


def _is_finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

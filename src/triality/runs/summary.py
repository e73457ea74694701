"""The frozen fields of ``summary.json``, and the check that a summary has them. Imports no jax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triality.errors import StorageError

TOP = ("command", "config", "seeds", "iqm", "log_z", "log_z_estimates", "alarm", "env_steps", "env_steps_per_second", "seconds")
IRL = ("return_mean", "return_normalized", "return_sampled", "expert_return", "random_return", "ess_fraction", "overlap")
SEQ = ("nll_oracle", "nll_test", "kl_forward", "kl_reverse", "best_sum")
NUMBERS_OF_COMMAND = {"irl": IRL, "ebm": ("test_log_likelihood",), "seq": SEQ}


def check_summary(summary: Mapping[str, Any]) -> None:
    """Raise unless ``summary`` has every frozen field, and no other at the top.

    A number that is not known, or not finite, is null: the field stays. Each seed and ``iqm`` may hold fields of their own beside the
    frozen ones.

    Raises:
        StorageError: lists every field that is missing, unknown or of another kind.
    """
    problems = [f"{name}: expected the field, got none" for name in TOP if name not in summary]
    problems += [f"{name}: expected no such field, got one" for name in summary if name not in TOP]
    for name, value in summary.items():
        problems += _problems_of_field(name, value)
    seeds = summary.get("seeds")
    blocks = {f"seeds[{index}]": seed for index, seed in enumerate(seeds)} if isinstance(seeds, list) else {}
    for name, block in (blocks | {"iqm": summary.get("iqm")}).items():
        problems += _problems_of_block(name, block, summary.get("command"))
    if problems:
        raise StorageError("expected the frozen fields of summary.json, got others; do what each line asks\n  - " + "\n  - ".join(problems))


def _is_number(value: Any) -> bool:
    """Null counts as a number that is not known; NaN does not count, since JSON has none."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0)


def _problems_of_field(name: str, value: Any) -> list[str]:
    accepted = {
        "command": isinstance(value, str) and bool(value),
        "config": isinstance(value, dict),
        "seeds": isinstance(value, list) and bool(value),
        "iqm": isinstance(value, dict),
        "log_z_estimates": isinstance(value, dict),
        "alarm": value is None or isinstance(value, str | dict),
    }
    if name not in TOP:
        return []
    if not accepted.get(name, name in accepted or _is_number(value)):
        return [f"{name}: expected {_expected(name)}, got {value!r:.60}"]
    if name == "log_z_estimates" and isinstance(value, dict):
        return [
            f"log_z_estimates.{estimator}: expected {{'value': number, 'stderr': number}}, got {entry!r:.60}"
            for estimator, entry in value.items()
            if not (
                isinstance(entry, dict)
                and {"value", "stderr"} <= entry.keys()
                and _is_number(entry["value"])
                and _is_number(entry["stderr"])
            )
        ]
    return []


def _expected(name: str) -> str:
    texts = {"command": "a name", "seeds": "a list of objects, one a seed", "alarm": "the verdict in words, an object, or null"}
    return texts.get(name, "an object" if name in ("config", "iqm", "log_z_estimates") else "a number or null")


def _problems_of_block(name: str, block: Any, command: Any) -> list[str]:
    if not isinstance(block, dict):
        return [f"{name}: expected an object, got {block!r:.60}"] if name != "iqm" else []
    numbers = NUMBERS_OF_COMMAND.get(command, ()) if isinstance(command, str) else ()
    problems = [
        f"{name}.{field}: expected a number or null, got {block.get(field, 'nothing')!r:.60}" for field in numbers if not _has(block, field)
    ]
    if command == "ebm" and not isinstance(block.get("metrics"), dict):
        problems.append(f"{name}.metrics: expected an object, got {block.get('metrics', 'nothing')!r:.60}")
    return problems


def _has(block: Mapping[str, Any], field: str) -> bool:
    return field in block and _is_number(block[field])

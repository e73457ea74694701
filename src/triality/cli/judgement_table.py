"""What ``triality judge`` prints: a row a seed, intervals in brackets."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from triality.cli.tables import number

EXACT = {
    "epic": "EPIC",
    "starc_value_adjusted": "STARC, VAL",
    "starc_minimal_norm": "STARC, minimal",
    "r_squared": "R²",
    "regret": "regret",
    "regret_soft": "of exp(Q-V)",
}


def print_judgement(console: Console, record: dict[str, Any]) -> None:
    """By samples, and exactly where that was possible."""
    against = "the true cost" if record["against"] == "true" else record["against"]
    table = Table(title=f"{record['env']}, {record['algorithm']}: learned cost against {against}")
    for name in ("seed", "EPIC", "STARC", "R²", "Spearman"):
        table.add_column(name, justify="right")
    for each in record["seeds"]:
        parts = (interval(each["epic"]), interval(each["starc"]), interval(each["r_squared"]))
        table.add_row(str(each["seed"]), *parts, number(each["spearman"], 2))
    console.print(table)
    if record["exact"]:
        exact = Table(title="exactly, pairs weighed as the roll-outs visited them")
        for name in ("seed", *EXACT.values()):
            exact.add_column(name, justify="right")
        for each in record["exact"]:
            exact.add_row(str(each["seed"]), *(number(each[name], 3) for name in EXACT))
        console.print(exact)
    turned = [str(each["seed"]) for each in record["seeds"] if each["scale"] < 0]
    if turned:
        console.print(f"seed {', '.join(turned)}: the best fit turns the learned cost round; R² does not show that, the distances do")
    if any(each["epic"] is None for each in record["seeds"]):
        console.print("EPIC: not here; this simulator cannot be asked for the reward of a step that nobody made")
    console.print("distances: 0 the same order of policies, 0.71 unrelated, 1 reversed; in brackets 95 % intervals over episodes")


def interval(value: dict[str, float] | None) -> str:
    """A number with its interval, or a dash; a question mark where the episodes are too few for one.

    Example:
        >>> interval({"value": 0.25, "low": 0.2, "high": 0.301}), interval(None)
        ('0.25 [0.20, 0.30]', '-')
    """
    if value is None:
        return "-"
    known = math.isfinite(value["low"]) and math.isfinite(value["high"])
    return f"{value['value']:.2f} " + (f"[{value['low']:.2f}, {value['high']:.2f}]" if known else "[?]")

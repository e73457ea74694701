"""What the commands print at the end: a table that a newcomer understands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from triality.data.reference_returns import ReturnScale


def print_result(console: Console, summary: dict[str, Any], report: Path) -> None:
    """Returns beside those of demonstrations and random actions, log Z and the alarm, and where to look next."""
    config, iqm = summary["config"], summary["iqm"]
    table = Table(title=f"{config['env']}: {config['algorithm']}, {config['num_demos']} demonstration(s), {config['seeds']} seed(s)")
    table.add_column("who acts")
    table.add_column("return", justify="right")
    table.add_column("normalized", justify="right")
    for name, value, normalized in ReturnScale(iqm["random_return"], iqm["expert_return"]).ends:
        table.add_row(name, number(value, 1), number(normalized, 3))
    table.add_row("learned policy, mean action", number(iqm["return_mean"], 1), number(iqm["return_normalized"], 3), style="bold")
    table.add_row("learned policy, sampled actions", number(iqm["return_sampled"], 1), "")
    console.print(table)
    if summary["log_z_estimates"]:
        parts = [f"{name} {number(e['value'], 1)} ± {number(e['stderr'], 1)}" for name, e in summary["log_z_estimates"].items()]
        console.print(f"log Z (nats): {', '.join(parts)}")
        console.print(f"alarm: {summary['alarm']}")
    console.print(
        f"{summary['seconds']:.0f} s in all, {summary['env_steps']:,} environment steps, "
        f"{number(summary['env_steps_per_second'], 0)} env steps/s while learning"
    )
    console.print(f"report: {report}", soft_wrap=True)


def print_returns(console: Console, title: str, rows: Sequence[tuple[str, float | None, float | None]]) -> None:
    """A table of who acts, return and normalized return."""
    table = Table(title=title)
    table.add_column("who acts")
    table.add_column("return", justify="right")
    table.add_column("normalized", justify="right")
    for name, value, normalized in rows:
        table.add_row(name, number(value, 1), number(normalized, 3))
    console.print(table)


def number(value: float | None, digits: int) -> str:
    """A number, or a dash where there is none.

    Example:
        >>> number(-1199.91, 1), number(None, 1)
        ('-1,199.9', '-')
    """
    return "-" if value is None else f"{value:,.{digits}f}"

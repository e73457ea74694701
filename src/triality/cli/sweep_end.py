"""What a sweep leaves: a run folder for every point, and the page that holds them side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from triality.cli.config import as_config
from triality.cli.sweep_options import Point
from triality.cli.tables import number
from triality.runs.folder import RunFolder
from triality.runs.keeper import Keeper
from triality.runs.point_log import copy_log
from triality.runs.report.sweep_page import WARNING, confirmation, write_sweep_page
from triality.runs.resumption import is_over
from triality.runs.sweep_folder import PAGE
from triality.runs.sweep_result import PointResult, write_result


def sweep_config(options: Any, swept: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The configuration of the sweep: what all points have in common, and the values of the rest."""
    common = {name: value for name, value in as_config(options).items() if name not in swept}
    return common | {"sweep": {name: list(values) for name, values in swept.items()}}


def begun_folder(
    parent: RunFolder, point: Point, command: str, inputs: Mapping[str, str], found: Mapping[str, Any] | None = None
) -> RunFolder | None:
    """The folder of a point with its configuration and its part of the log; None where its run is there, whole.

    Args:
        parent: the folder of the sweep.
        point: of the sweep.
        command: whose run it is.
        inputs: as ``RunFolder.write_config`` takes them.
        found: what the configuration holds beside the options.

    Raises:
        StorageError: it cannot be written.
    """
    config = {**as_config(point.options), **(found or {})}
    folder = RunFolder(point.options.out)
    if folder.config_path.is_file() and is_over(folder, config):
        return None
    folder = RunFolder.create(point.options.out, overwrite=folder.config_path.is_file())
    folder.write_config(command, config, inputs)
    copy_log(parent, point.name, folder)
    return folder


def write_sweep(
    command: str, folder: RunFolder, config: Mapping[str, Any], points: Sequence[Point], failed: Mapping[str, str], seconds: float
) -> dict[str, Any]:
    """``sweep.json`` and ``sweep.html``, of what the points' folders hold.

    Raises:
        StorageError: a summary is damaged, or a file cannot be written.
    """
    results = [
        PointResult(
            point.name,
            point.values,
            None if point.name in failed else RunFolder(point.options.out).read_summary(),
            failed.get(point.name, ""),
        )
        for point in points
    ]
    record = write_result(folder, command, config, results, seconds)
    write_sweep_page(folder.path, record)
    return record


def share_of(keeper: Keeper, num_points: int) -> Callable[[], float]:
    """The seconds of one point: all are learned side by side, and each has its part of the time."""
    return lambda: keeper.seconds / num_points


def print_sweep(console: Console, result: Mapping[str, Any], out: Path) -> None:
    """A line a point, the best one marked, and what that is worth."""
    swept, measure = list(result["config"]["sweep"]), result["measure"]
    table = Table(title=f"{result['command']}: {len(result['points'])} points, {result['config']['seeds']} seed(s) each")
    for name in swept:
        table.add_column(name, justify="right")
    table.add_column(measure["name"], justify="right")
    table.add_column("95 % interval", justify="right")
    for row in result["points"]:
        interval = "-" if row["interval"] is None else " to ".join(number(end, 4) for end in row["interval"])
        value = "failed" if row["failed"] else number(row["value"], 4)
        style = "bold" if row["folder"] == result["best"] else None
        table.add_row(*(f"{row['values'][name]:g}" for name in swept), value, interval, style=style)
    console.print(table)
    if result["best"] is not None:
        console.print(f"best: {result['best']}. {WARNING} {confirmation(result)}", soft_wrap=True, highlight=False)
    console.print(f"page: {out / PAGE}", soft_wrap=True)

"""``triality runs``: all runs below a folder, or one of them closely. No jax."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from rich.console import Console
from rich.table import Table
from rich.text import Text

from triality.cli.runs_options import RunsListOptions, RunsOptions, RunsShowOptions, RunsVerifyOptions
from triality.errors import StorageError
from triality.runs.listing import Damaged, FoundRun, find_runs, read_run, size_of
from triality.runs.report.words import duration, number
from triality.runs.seen_checkpoints import seen_checkpoints
from triality.runs.standing import Standing
from triality.runs.sweep_folder import PAGE, is_sweep
from triality.runs.verification import verify

COLORS = {"running": "cyan", "finished": "green", "interrupted": "yellow", "damaged": "red"}
MOST_COLUMNS = 6
"""Seeds that have a column each; of more there are a median and a range."""
PIPED_WIDTH = 200
PLACE = ("seed", "iteration")


def run(options: RunsOptions) -> int:
    """Do what was asked for; returns the exit code."""
    return ACTIONS[type(options.action)](options.action)


def list_runs(options: RunsListOptions) -> int:
    """Print a line a run; returns the exit code.

    Raises:
        ConfigError: there is no such folder.
    """
    found, console = find_runs(options.folder), _console()
    if not found:
        console.print(Text(f"no runs below {options.folder}; a run is a folder that triality irl, ebm or seq wrote"), soft_wrap=True)
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "on", "state", "done", "result"):
        table.add_column(name, overflow="fold")
    table.add_column("written", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for each in found:
        name = _name(each.path, options.folder)
        if isinstance(each, Damaged):
            table.add_row(name, Text(""), _state("damaged"), "", "", "", size_text(size_of(each.path)))
            continue
        on = Text(f"{each.command}: {each.subject}")
        age = ago(time.time() - each.standing.written)
        table.add_row(name, on, _standing(each.standing), each.standing.progress, each.headline, age, size_text(size_of(each.path)))
    console.print(table)
    for each in found:
        for reason in (each.reason,) if isinstance(each, Damaged) else each.problems:
            console.print(Text.assemble(("damaged", COLORS["damaged"]), f" {_name(each.path, options.folder)}: {reason}"), soft_wrap=True)
    return 0


def show_run(options: RunsShowOptions) -> int:
    """Print all that there is to say of one run; returns the exit code.

    Raises:
        ConfigError: it is no run.
        StorageError: its ``config.json`` is damaged.
    """
    found, console = read_run(options.run), _console()
    console.print(Text(f"{found.path}: triality {found.command}, {found.subject}", style="bold"), soft_wrap=True)
    console.print(_pairs("where it stands", _stands(found)))
    seen = [
        (each.name, "" if each.step is None else f"{each.step:,}", size_text(each.size), _at(each.written), each.note)
        for each in seen_checkpoints(found.path)
    ]
    if seen:
        console.print(_table("checkpoints", ("file", "step", "size", "written", ""), seen))
    last = None if is_sweep(found.command) else _last_numbers(found.records)  # those of a sweep are its points'
    if last:
        console.print(_table("last numbers", *last))
    console.print(_pairs("configuration", [(name, _value(value)) for name, value in found.config.items() if name != "notes"]))
    notes = found.config.get("notes")
    for note in (*(notes if isinstance(notes, list) else ()), *found.problems):
        console.print(Text(f"note: {note}"), soft_wrap=True)
    return 0


def verify_run(options: RunsVerifyOptions) -> int:
    """Print a line a file; returns the exit code, that of ``StorageError`` where something is damaged.

    Raises:
        ConfigError: it is no run.
    """
    console, table = _console(), _bare(f"{options.run}")
    for name in ("file", "", "holds"):
        table.add_column(name, overflow="fold")
    found = verify(options.run)
    for each in found:
        state = Text("sound", style="green") if each.is_sound else _state("damaged")
        table.add_row(Text(each.name), state, Text(each.words))
    console.print(table)
    return 0 if all(each.is_sound for each in found) else StorageError.exit_code


ACTIONS: dict[type, Callable[[Any], int]] = {RunsListOptions: list_runs, RunsShowOptions: show_run, RunsVerifyOptions: verify_run}


def ago(seconds: float) -> str:
    """An age in its largest unit.

    Example:
        >>> ago(5.0), ago(400.0), ago(10_000.0), ago(400_000.0)
        ('5 s ago', '7 min ago', '3 h ago', '5 days ago')
    """
    for unit, size, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * size:
            return f"{max(seconds, 0) / size:.0f} {unit} ago"
    return f"{seconds / 86_400:.0f} days ago"


def size_text(count: int) -> str:
    """Bytes in the unit that needs the fewest digits.

    Example:
        >>> size_text(0), size_text(2_048), size_text(5_300_000), size_text(12_000_000_000)
        ('0 B', '2 kB', '5.3 MB', '12 GB')
    """
    value, units = float(count), ("B", "kB", "MB", "GB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            break
        value /= 1000
    return f"{value:.1f} {unit}" if value < 10 and unit not in ("B", "kB") else f"{value:.0f} {unit}"


def _console() -> Console:
    """As wide as the terminal; into a pipe or a file as wide as lines need to stay whole."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, PIPED_WIDTH))


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path != root else str(path)


def _state(state: str) -> Text:
    return Text(state, style=COLORS[state])


def _standing(standing: Standing) -> Text:
    state = _state(standing.state)
    if standing.state == "running" and standing.seconds_left:
        state.append(f", {duration(standing.seconds_left)} left", style="default")
    return state


def _stands(found: FoundRun) -> list[tuple[str, str | Text]]:
    standing = found.standing
    rows: list[tuple[str, str | Text]] = [("state", _standing(standing))]
    if standing.holder:
        known = ((name, standing.holder.get(name)) for name in ("pid", "host", "since"))
        rows.append(("written by", ", ".join(f"{name} {value}" for name, value in known if value is not None)))
    rows.append(("iterations done", f"{standing.progress} {standing.whose}".strip()))
    rows.append(("time", f"{duration(standing.seconds)} until the last line of the log"))
    rows.append(("last written", f"{_at(standing.written)}, {ago(time.time() - standing.written)}"))
    rows += [("result", found.headline)] if found.headline else []
    rows += [("stopped by", standing.failure)] if standing.failure else []
    rows.append(("size", size_text(size_of(found.path))))
    report = found.path / (PAGE if is_sweep(found.command) else "report.html")
    is_there = report.exists()
    rows.append(("report", f"{report}, {ago(time.time() - report.stat().st_mtime)}" if is_there else f"triality report {found.path}"))
    return rows


def _at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _pairs(title: str, rows: Sequence[tuple[str, str | Text]]) -> Table:
    table = _bare(title)
    table.show_header = False
    table.add_column("what", no_wrap=True, style="dim")
    table.add_column("found", overflow="fold")
    for what, found in rows:
        table.add_row(Text(what), Text(found) if isinstance(found, str) else found)
    return table


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = _bare(title)
    for place, name in enumerate(head):
        is_number = 0 < place < 4
        table.add_column(name, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _bare(title: str) -> Table:
    return Table(title=Text(f"\n{title}", style="bold"), title_justify="left", title_style="", box=None, pad_edge=False, header_style="dim")


def _last_numbers(records: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]] | None:
    """A row a number, a column a seed; heading and rows."""
    last = {record["seed"]: record for record in records if isinstance(record.get("seed"), int)}
    names = dict.fromkeys(name for record in last.values() for name, value in record.items() if name not in PLACE and _is_number(value))
    if not last:
        return None
    seeds = sorted(last)
    values = {name: [last[seed].get(name) for seed in seeds] for name in ("iteration", *names)}
    if len(seeds) <= MOST_COLUMNS:
        return ("", *(f"seed {seed}" for seed in seeds)), [(name, *map(_number, cells)) for name, cells in values.items()]
    rows = [(name, *_summarized([float(cell) for cell in cells if _is_number(cell)])) for name, cells in values.items()]
    return (f"of {len(seeds)} seeds", "median", "lowest", "highest"), rows


def _summarized(values: list[float]) -> tuple[str, ...]:
    if not values:
        return (_number(None),) * 3
    return _number(statistics.median(values)), _number(min(values)), _number(max(values))


def _number(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return number(float(value), 4) if _is_number(value) else number(math.nan)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

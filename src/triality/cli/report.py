"""``triality report``: the report of a run anew, whatever state it is in."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from triality.cli.runs_options import ReportOptions
from triality.errors import ConfigError
from triality.runs.json_files import read_json
from triality.runs.sweep_folder import RESULT, is_sweep


def run(options: ReportOptions) -> int:
    """Write the page and say what it is of; returns the exit code.

    Raises:
        ConfigError: the folder is no run, or a sweep that goes on.
        StorageError: its ``config.json`` is damaged, or the page cannot be written.
    """
    from triality.runs.listing import read_run
    from triality.runs.report.report import write_report

    found = read_run(options.run)
    target = _write_sweep(found.path) if is_sweep(found.command) else write_report(options.run)
    standing = found.standing
    said = {
        "finished": "finished",
        "running": f"still running, {standing.progress} iterations done; make it again later for more",
        "interrupted": f"interrupted after {standing.progress} iterations",
    }
    console = Console()
    for problem in found.problems:
        console.print(Text(f"note: {problem}"), soft_wrap=True)
    console.print(Text(f"run: {said[standing.state]}"), soft_wrap=True)
    console.print(Text(f"report: {target}"), soft_wrap=True)
    return 0


def _write_sweep(folder: Path) -> Path:
    from triality.runs.report.sweep_page import write_sweep_page

    if not (folder / RESULT).is_file():
        raise ConfigError(
            f"{folder}: expected a sweep that has come to its end, got one without {RESULT}; triality runs show says where it stands, and "
            "--resume goes on"
        )
    return write_sweep_page(folder, read_json(folder / RESULT))

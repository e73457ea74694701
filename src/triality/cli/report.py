"""``triality report``: the report of a run anew, whatever state it is in."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from triality.cli.runs_options import ReportOptions


def run(options: ReportOptions) -> int:
    """Write the page and say what it is of; returns the exit code.

    Raises:
        ConfigError: the folder is no run.
        StorageError: its ``config.json`` is damaged, or the page cannot be written.
    """
    from triality.runs.listing import read_run
    from triality.runs.report.report import write_report

    found = read_run(options.run)
    target = write_report(options.run)
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

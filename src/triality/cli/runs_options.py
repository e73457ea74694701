"""The options of ``triality runs`` and ``triality report``, as plain dataclasses. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

Run = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True)
class ReportOptions:
    """Write the report of a run anew, at any time: while it goes on, after it was stopped or killed, or when it is done.

    It needs no more than the run's config.json. What was logged so far is drawn, and the page says whether the run goes on and how far it
    is. For instance: triality report runs/first; then open runs/first/report.html.
    """

    run: Run
    """The run's folder; report.html in it is replaced."""


@dataclass(frozen=True)
class RunsListOptions:
    """List all runs below a folder: what they are on, whether they are running, how far they are, and the number that counts.

    The run that was written last comes first. A folder that is damaged is listed with the reason.
    For instance: triality runs list runs.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="[FOLDER]")] = Path(".")
    """Where to look; hidden folders are left out."""


@dataclass(frozen=True)
class RunsShowOptions:
    """Show one run: where it stands, its checkpoints, the last numbers of every seed, its configuration and its notes.

    For instance: triality runs show runs/first.
    """

    run: Run
    """The run's folder."""


@dataclass(frozen=True)
class RunsVerifyOptions:
    """Read every file of a run whole, and hold checkpoints against their hashes; exit code 6 where something is damaged.

    For instance: triality runs verify runs/first.
    """

    run: Run
    """The run's folder."""


@dataclass(frozen=True)
class RunsOptions:
    """Look at runs: a list of all below a folder, or one of them closely. Nothing is changed, and no run is disturbed."""

    action: (
        Annotated[RunsListOptions, tyro.conf.subcommand("list")]
        | Annotated[RunsShowOptions, tyro.conf.subcommand("show")]
        | Annotated[RunsVerifyOptions, tyro.conf.subcommand("verify")]
    )
    """What to do."""

"""``triality paper``: every numbered claim of the paper's sections 2 to 4, measured now, on this machine, in float64."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from triality.cli.outputs import check_file
from triality.cli.ranges import counts, refuse, seeds
from triality.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from triality.claims import Claim

SECTIONS = {"2": "Section 2: background", "3": "Section 3: GANs and inverse RL", "4": "Section 4: GANs for training energy-based models"}
LEAST_WIDTH = 110  # characters; below it no room is left for what is claimed
SPACES = ("enumerable", "grid", "samples")


@dataclass(frozen=True)
class PaperOptions:
    """Measure every claim of the paper on random instances with known answers, beside controls that have to fail."""

    seed: int = 0
    """Of the random instances."""
    num_draws: int = 100
    """Random instances of each kind of space."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(default: not written)")] = None
    """JSON file to write the ledger to as well."""


def run(options: PaperOptions) -> int:
    """Measures, prints the ledger, and returns the exit code: 0 if every claim holds and every control fails, else 1.

    Raises:
        ConfigError: fewer than one draw, or a seed below zero.
        StorageError: the file cannot be written.
    """
    _check(options)
    from rich.console import Console

    from triality.claims import check_paper

    began = time.perf_counter()
    claims = check_paper(options.seed, options.num_draws)
    seconds = time.perf_counter() - began
    console = Console()
    console.width = max(console.width, LEAST_WIDTH)
    for table in tables(claims):
        console.print(table)
    broken = [claim for claim in claims if not claim.passed]
    console.print(_verdict(claims, broken, options, seconds))
    if options.out is not None:
        from triality.runs.json_files import write_json

        write_json(options.out, {"seed": options.seed, "num_draws": options.num_draws, "seconds": seconds, "claims": claims})
    return 1 if broken else 0


def tables(claims: Sequence[Claim]) -> list[Table]:
    """One table a section, and one for the controls."""
    made = [_table(title, [claim for claim in claims if claim.section == section]) for section, title in SECTIONS.items()]
    return [*made, _table("Controls: broken on purpose, each has to exceed its bound", [claim for claim in claims if claim.is_control])]


def _table(title: str, claims: Sequence[Claim]) -> Table:
    """A row for each statement; a column for each kind of space."""
    from rich.table import Table

    are_controls = bool(claims) and claims[0].is_control
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("control" if are_controls else "claim", no_wrap=True)
    table.add_column("breaks" if are_controls else "where", no_wrap=True)
    table.add_column("what" if are_controls else "what is claimed", ratio=1)
    for space in SPACES:
        table.add_column(space, justify="right", no_wrap=True)
    table.add_column("bound", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    rows: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        rows.setdefault((claim.id, claim.breaks), []).append(claim)
    for measured in rows.values():
        table.add_row(*_row(measured))
    return table


def _row(measured: Sequence[Claim]) -> list[str]:
    from rich.markup import escape

    first = measured[0]
    # Trajectories of a small MDP are an enumerable space too.
    by_space = {"enumerable" if claim.space == "trajectories" else claim.space: claim for claim in measured}
    residuals = [f"{by_space[space].residual:.1e}" if space in by_space else "" for space in SPACES]
    held = "breaks it" if first.is_control else "holds"
    verdict = held if all(claim.passed for claim in measured) else "[bold red]FAILS[/bold red]"
    label = "" if first.is_control else "corrected, "
    text = escape(f"{first.statement} ({label}{first.erratum})" if first.erratum else first.statement)
    relation = ">" if first.is_control else "<="
    return [first.id, first.breaks or first.place, text, *residuals, f"{relation} {first.tolerance:.0e}", verdict]


def _verdict(claims: Sequence[Claim], broken: Sequence[Claim], options: PaperOptions, seconds: float) -> str:
    num_controls = sum(claim.is_control for claim in claims)
    what = (
        f"{len(claims) - num_controls} measurements of claims and {num_controls} of controls, {options.num_draws} draws each, "
        f"seed {options.seed}, float64, {seconds:.0f} s"
    )
    if not broken:
        return f"\n[bold]Everything holds[/bold]: {what}."
    named = "; ".join(f"{claim.id} on {claim.space} ({claim.residual:.1e})" for claim in broken)
    return f"\n[bold red]{len(broken)} failed[/bold red]: {named}. {what}."


def _check(options: PaperOptions) -> None:
    """Everything that can be refused before jax is loaded."""
    refuse(counts(options, "num_draws") + seeds(options))
    if options.out is not None:
        if not os.path.isdir(options.out.absolute().parent):
            raise ConfigError(
                f"expected --out to be in a folder that exists, got {options.out}; create the folder, or choose another --out"
            )
        check_file(options.out)

"""The runs of ``triality bench``, one after the other, and what the screen says meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console

from triality.cli.bench import BenchPlan
from triality.cli.bench_density import profile_density
from triality.cli.bench_irl import profile_irl
from triality.cli.bench_sequences import profile_sequences
from triality.profiling.program_profile import ProgramProfile


def profile_runs(plan: BenchPlan, console: Console) -> tuple[ProgramProfile, ...]:
    """The profiles of all programs of the runs that were asked for."""
    table: tuple[tuple[str, Any, Callable[..., tuple[ProgramProfile, ...]]], ...] = (
        ("irl", plan.irl, profile_irl),
        ("ebm", plan.ebm, profile_density),
        ("seq", plan.seq, profile_sequences),
    )
    found: list[ProgramProfile] = []
    for name, each, profile in table:
        if each is not None:
            with console.status(f"{name}: compiling and timing its stages, a minute or two"):
                found += profile(each, plan.options.chunks, plan.options.repeats)
    return tuple(found)

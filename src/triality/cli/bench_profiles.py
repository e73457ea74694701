"""The runs of ``triality bench``, one after the other, and what the screen says meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rich.console import Console

from triality.cli.bench import BenchPlan
from triality.cli.bench_density import profile_density
from triality.cli.bench_irl import profile_irl
from triality.cli.bench_sequences import profile_sequences
from triality.profiling.program_profile import ProgramProfile


def profile_runs(plan: BenchPlan, console: Console) -> tuple[ProgramProfile, ...]:
    """The profiles of all programs of the runs that were asked for."""
    asked: dict[str, Callable[[int, int], tuple[ProgramProfile, ...]]] = {}
    if plan.irl is not None:
        asked["irl"] = partial(profile_irl, plan.irl)
    if plan.ebm is not None:
        asked["ebm"] = partial(profile_density, plan.ebm)
    if plan.seq is not None:
        asked["seq"] = partial(profile_sequences, plan.seq)
    found: list[ProgramProfile] = []
    for name, profile in asked.items():
        with console.status(f"{name}: compiling and timing its stages, a minute or two"):
            found += profile(plan.options.chunks, plan.options.repeats)
    return tuple(found)

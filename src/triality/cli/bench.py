"""``triality bench``: everything that can be refused is refused here, before jax is imported and before anything is measured."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console

from triality.cli import ebm, irl, ranges, seq
from triality.cli.bench_options import BenchOptions
from triality.cli.checkout import find_checkout
from triality.cli.density_names import OBJECTIVES as DENSITY_OBJECTIVES
from triality.cli.ebm import DensityPlan
from triality.cli.irl import Plan
from triality.cli.names import nearest
from triality.cli.options import EbmOptions, IrlOptions
from triality.cli.outputs import make_folder
from triality.cli.seq import SeqPlan
from triality.cli.seq_names import OBJECTIVES as SEQUENCE_OBJECTIVES
from triality.cli.seq_names import credit_of
from triality.cli.seq_options import SeqOptions
from triality.cli.side_by_sides import checkout_problems, recorded_side_by_sides, run_side_by_sides
from triality.data.sequences import SequenceData
from triality.errors import ConfigError
from triality.runs.folder import check_writable

if TYPE_CHECKING:
    from triality.profiling.limits import Limits
    from triality.profiling.program_profile import ProgramProfile

JSON, PAGE = "bench.json", "bench.html"
LEAST_WIDTH = 150
"""Characters; below it the tables fall apart."""
EXAMPLE, EXAMPLE_ENV = Path("examples") / "pendulum_demos.npz", "Pendulum-v1"
VOCABULARY, LENGTH, NUM_SEQUENCES = 5000, 20, 10_000
"""Of made-up sequences: SeqGAN's."""


class BenchPlan(NamedTuple):
    """A checked command: the plan of every run that is profiled, None for one that is not."""

    options: BenchOptions
    irl: Plan | None
    ebm: DensityPlan | None
    seq: SeqPlan | None


def run(options: BenchOptions) -> int:
    """Check, measure, write, print; returns the exit code.

    Raises:
        ConfigError: an option, or a combination of them, is wrong; or a side by side failed.
        DataError: demonstrations or sequences cannot be read.
        StorageError: a record cannot be read, or the results cannot be written.
    """
    plan, begin = check(options), time.perf_counter()
    from triality.cli.bench_tables import print_bench
    from triality.profiling.bench_page import write_bench_page
    from triality.profiling.machine import describe_machine
    from triality.profiling.record import BenchRecord, write_bench

    console, machine = Console(), describe_machine()
    console.width = max(console.width, LEAST_WIDTH)
    make_folder(options.out)
    limits, programs = _profiled(plan, console) if options.runs else (None, ())
    peers = () if options.recorded is None else recorded_side_by_sides(options.recorded)
    if options.side_by_side is not None:
        peers = (*peers, *run_side_by_sides(options.side_by_side, options.out))
    record = BenchRecord(machine, limits, programs, peers, time.perf_counter() - begin)
    write_bench(options.out / JSON, record)
    write_bench_page(options.out / PAGE, record)
    print_bench(console, record)
    console.print(f"page: {options.out / PAGE}", soft_wrap=True)
    return 0


def _profiled(plan: BenchPlan, console: Console) -> tuple[Limits, tuple[ProgramProfile, ...]]:
    from triality.cli.bench_profiles import profile_runs
    from triality.profiling.limits import measure_limits

    with console.status("the machine's limits"):
        limits = measure_limits()
    return limits, profile_runs(plan, console)


def check(options: BenchOptions) -> BenchPlan:
    """The plans of all runs.

    Raises:
        ConfigError, DataError: as ``run``; all problems that can be found together are listed together.
    """
    ranges.refuse(_problems(options))
    check_writable(options.out)
    there = [name for name in (JSON, PAGE) if (options.out / name).exists()]
    if there and not options.overwrite:
        names = " and ".join(there)
        raise ConfigError(f"{options.out}: expected a folder without {names}, got one with; add --overwrite or choose another --out")
    asked = set(options.runs)
    return BenchPlan(
        options,
        irl.check(_irl_options(options)) if "irl" in asked else None,
        _density(options) if "ebm" in asked else None,
        _sequences(options) if "seq" in asked else None,
    )


def _problems(options: BenchOptions) -> list[str]:
    problems = [*ranges.counts(options, "repeats", "seeds"), *ranges.counts(options, "chunks", least=2)]
    problems += checkout_problems(options.side_by_side, "--side-by-side") + checkout_problems(options.recorded, "--recorded")
    if not options.runs and options.side_by_side is None and options.recorded is None:
        problems.append(
            "expected something to measure, got --runs without a name; name irl, ebm or seq, or add --recorded or --side-by-side"
        )
    for flag, name, known in (
        ("--ebm-objective", options.ebm_objective, DENSITY_OBJECTIVES),
        ("--seq-objective", options.seq_objective, SEQUENCE_OBJECTIVES),
    ):
        if name not in known:
            problems.append(f"expected an objective with {flag}, got '{name}'; {nearest(name, known)}")
    if "irl" in options.runs and options.demos is None and _example(options) is None:
        problems.append(
            f"expected --demos for {options.env}, got none: the example's are of {EXAMPLE_ENV}, in a checkout of the repository; make some "
            f"with triality expert --env {options.env} --out demos.npz"
        )
    return problems


def _example(options: BenchOptions) -> Path | None:
    """The example's demonstrations, where they are at hand and of this environment."""
    root = find_checkout()
    return root / EXAMPLE if root is not None and options.env == EXAMPLE_ENV and (root / EXAMPLE).is_file() else None


def _irl_options(options: BenchOptions) -> IrlOptions:
    demos = options.demos or _example(options)
    assert demos is not None, "it was refused"
    return IrlOptions(
        options.env,
        demos,
        options.out / "irl",
        algorithm=options.algorithm,
        level=options.level,
        actions=options.actions,
        seeds=options.seeds,
        host=options.host,
    )


def _density(options: BenchOptions) -> DensityPlan:
    objective: Any = options.ebm_objective  # checked against the names above
    return ebm.check(EbmOptions(options.out / "ebm", target=options.ebm_target, objective=objective))


def _sequences(options: BenchOptions) -> SeqPlan:
    """Of a file, or made up: what the tokens are changes nothing about what a step costs."""
    objective: Any = options.seq_objective  # checked against the names above
    asked = SeqOptions(options.out / "seq", options.seq_data or "made up", objective=objective)
    if options.seq_data is not None:
        return seq.check(asked)
    rows = np.random.default_rng(0).integers(0, VOCABULARY, (2 * NUM_SEQUENCES, LENGTH))
    ends = (NUM_SEQUENCES, NUM_SEQUENCES * 3 // 2)
    data = SequenceData(rows[: ends[0]], rows[ends[0] : ends[1]], rows[ends[1] :], VOCABULARY, None)
    credit: Any = credit_of(asked.objective, asked.energy)
    return SeqPlan(replace(asked, credit=credit), data, ())

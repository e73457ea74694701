"""The options of ``triality bench``. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from triality.cli.side_by_sides import SideBySideName

Run = Literal["irl", "ebm", "seq"]


@dataclass(frozen=True)
class BenchOptions:
    """Measure how far runs are from what this machine can do, stage by stage, and collect the ratios beside other libraries.

    Of every run: the time of its stages, each compiled alone on the state that the run is in, beside the whole step and beside the chunk
    that really runs; operations and bytes of each, by XLA's own count with loops counted as often as they go round; the share of the
    machine's limit that this comes to, and which limit binds; what compiling takes, cold and from the cache; and whether anything is
    compiled after the first chunk. The machine's limits are measured in the same process, with the same number of threads.
    Writes bench.json and bench.html into --out. Let nothing else run meanwhile.

    The three kinds of run, a few minutes:
    triality bench --out runs/bench

    One algorithm, and a simulator on the host:
    triality bench --runs irl --algorithm airl --out runs/airl
    triality bench --runs irl --env HalfCheetah-v5 --demos cheetah.npz --actions clip --out runs/cheetah

    The ratios beside other libraries that the repository has on record, nothing measured:
    triality bench --runs --recorded --out runs/ratios
    """

    out: Path
    """Folder for bench.json and bench.html."""
    runs: tuple[Run, ...] = ("irl", "ebm", "seq")
    """Kinds of run to profile; none with the option alone."""
    env: str = "Pendulum-v1"
    """Of irl: environment, by id, as for triality irl."""
    demos: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(default: the example's, for Pendulum-v1)")] = None
    """Of irl: demonstrations, as for triality irl. The example's are those of a checkout of the repository."""
    algorithm: Literal["gan-gcl", "guided-cost", "airl", "gail", "sqil", "iq-learn", "f-irl", "bc"] = "gan-gcl"
    """Of irl, as for triality irl."""
    level: Literal["auto", "trajectory", "step"] = "auto"
    """Of irl, as for triality irl."""
    actions: Literal["error", "clip", "raw"] = "error"
    """Of irl: demonstrated actions outside the box, as for triality irl."""
    seeds: int = 1
    """Of irl: seeds in one compiled program."""
    host: bool = False
    """Of irl: roll out in Gymnasium's own environment on the host, also where there is a compiled one."""
    ebm_target: Annotated[str, tyro.conf.arg(metavar="NAME")] = "two-moons"
    """Of ebm: the law whose samples are learned from, as --target of triality ebm."""
    ebm_objective: Annotated[str, tyro.conf.arg(metavar="NAME")] = "gan"
    """Of ebm: as --objective of triality ebm. gan has all stages; with nce the generator stands still."""
    seq_data: Annotated[str | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: made up, in the sizes of SeqGAN)")] = None
    """Of seq: sequences, as --data of triality seq. What they say changes nothing about what a step costs."""
    seq_objective: Annotated[str, tyro.conf.arg(metavar="NAME")] = "gan"
    """Of seq: as --objective of triality seq."""
    repeats: int = 20
    """Timed calls of each stage; the median counts, the middle half is told."""
    chunks: int = 4
    """Chunks of the run itself that are gone through, the first of which compiles."""
    side_by_side: Annotated[
        tuple[SideBySideName, ...] | None, tyro.conf.arg(metavar="[NAME ...]", help_behavior_hint="(default: none; the option alone: all)")
    ] = None
    """Run the repository's benchmarks beside other libraries, which takes from minutes to hours, and collect their ratios."""
    recorded: Annotated[
        tuple[SideBySideName, ...] | None, tyro.conf.arg(metavar="[NAME ...]", help_behavior_hint="(default: none; the option alone: all)")
    ] = None
    """Collect the ratios that the repository has on record; nothing is run."""
    overwrite: bool = False
    """Replace what an earlier call left in --out."""

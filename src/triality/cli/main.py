"""The command ``triality``: parse, run, and turn every error of the library into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args

import tyro

from triality.cli import bench, check_env, compare, demos, ebm, expert, info, irl, judge, paper, play, retrain, seq
from triality.cli import eval as eval_command
from triality.cli import export as export_command
from triality.cli import report as report_command
from triality.cli import runs as runs_command
from triality.cli.bench_options import BenchOptions
from triality.cli.check_env_options import CheckEnvOptions
from triality.cli.choices import REGISTRY
from triality.cli.compiled_programs import keep_programs, mending
from triality.cli.demos_options import DemosOptions
from triality.cli.export_options import ExportOptions
from triality.cli.judge_options import JudgeOptions
from triality.cli.machine_limits import refuse_old_packages
from triality.cli.options import CompareOptions, EbmOptions, EvalOptions, ExpertOptions, InfoOptions, IrlOptions, RetrainOptions
from triality.cli.paper import PaperOptions
from triality.cli.play_options import PlayOptions
from triality.cli.runs_options import ReportOptions, RunsOptions
from triality.cli.seq_options import SeqOptions
from triality.errors import TrialityError
from triality.loaded_programs import make_room_for_programs
from triality.runs.interrupts import INTERRUPTED, interrupts, say_interrupted
from triality.runs.lasting_output import LastingOutput

COMMANDS: dict[type, Callable[[Any], int]] = {
    IrlOptions: irl.run,
    EbmOptions: ebm.run,
    SeqOptions: seq.run,
    EvalOptions: eval_command.run,
    RetrainOptions: retrain.run,
    JudgeOptions: judge.run,
    PlayOptions: play.run,
    ExportOptions: export_command.run,
    ExpertOptions: expert.run,
    DemosOptions: demos.run,
    CheckEnvOptions: check_env.run,
    CompareOptions: compare.run,
    ReportOptions: report_command.run,
    RunsOptions: runs_command.run,
    PaperOptions: paper.run,
    BenchOptions: bench.run,
    InfoOptions: info.run,
}

Options = (
    Annotated[IrlOptions, tyro.conf.subcommand("irl")]
    | Annotated[EbmOptions, tyro.conf.subcommand("ebm")]
    | Annotated[SeqOptions, tyro.conf.subcommand("seq")]
    | Annotated[EvalOptions, tyro.conf.subcommand("eval")]
    | Annotated[RetrainOptions, tyro.conf.subcommand("retrain")]
    | Annotated[JudgeOptions, tyro.conf.subcommand("judge")]
    | Annotated[PlayOptions, tyro.conf.subcommand("play")]
    | Annotated[ExportOptions, tyro.conf.subcommand("export")]
    | Annotated[ExpertOptions, tyro.conf.subcommand("expert")]
    | Annotated[DemosOptions, tyro.conf.subcommand("demos")]
    | Annotated[CheckEnvOptions, tyro.conf.subcommand("check-env")]
    | Annotated[CompareOptions, tyro.conf.subcommand("compare")]
    | Annotated[ReportOptions, tyro.conf.subcommand("report")]
    | Annotated[RunsOptions, tyro.conf.subcommand("runs")]
    | Annotated[PaperOptions, tyro.conf.subcommand("paper")]
    | Annotated[BenchOptions, tyro.conf.subcommand("bench")]
    | Annotated[InfoOptions, tyro.conf.subcommand("info")]
)

NAMED: dict[str, Any] = {each.__metadata__[0].name: get_args(each)[0] for each in get_args(Options)}

DESCRIPTION = """Energies learned from samples, with generators whose density can be evaluated.

First steps: triality paper; triality expert --env Pendulum-v1 --out demos.npz;
triality irl --env Pendulum-v1 --demos demos.npz --out runs/first; then open runs/first/report.html.
A density instead of a policy: triality ebm --target two-moons --out runs/moons; triality ebm --data table.csv --out runs/table.
Token sequences: triality seq --data captions.txt --out runs/captions.
While they go on, and after: triality runs list runs; triality report runs/first."""


UNREAD = "triality: nobody reads any more what is printed; the run goes on without it, and its numbers are in its folder (ctrl-C stops it)"


def prepare_jax() -> None:
    """Settings that jax reads once, on import; whatever the user has set stays.

    XLA's CPU thread pool can wait for itself for ever on programs under vmap; with one thread it cannot, and results repeat bit for bit.
    Compiled programs are kept on disk (``compiled_programs``), so that the next run starts at once.
    """
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_programs(os.environ)
    os.environ.setdefault("MPLBACKEND", "Agg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    prepare_jax()
    with LastingOutput() as output, interrupts() as heeded:
        try:
            options = parse(sys.argv[1:] if arguments is None else arguments)
            output.said = UNREAD if hasattr(options, "kept") else ""
            refuse_old_packages()
            make_room_for_programs()
            with mending(os.environ, lambda said: print(f"triality: {said}", file=sys.stderr)):
                return COMMANDS[type(options)](options)
        except TrialityError as error:
            print(f"triality: {error}", file=sys.stderr)
            return error.exit_code
        except (Exception, KeyboardInterrupt) as error:
            if not heeded.asked and not isinstance(error, KeyboardInterrupt):
                raise
            say_interrupted()  # also where an import has made another error of it
            return INTERRUPTED


def parse(arguments: Sequence[str]) -> Any:
    """The options of the command that the first word names, read as that command's alone.

    What is said of a wrong one is then about this command: its options as the nearest, its help as the place to look.
    """
    asked: Any = Options
    prog, description, rest = "triality", DESCRIPTION, list(arguments)
    if rest and rest[0] in NAMED:
        asked, prog, description, rest = NAMED[rest[0]], f"triality {rest[0]}", None, rest[1:]
    return tyro.cli(asked, prog=prog, description=description, args=rest, config=(tyro.conf.OmitSubcommandPrefixes,), registry=REGISTRY)


if __name__ == "__main__":
    sys.exit(main())

"""A study: cells of ``triality irl``, run through the queue into one folder each, and the table that is read from the folders.

What the tables of single tasks share; each of them is a list of cells and a gate. What a run came to is also kept beside the script, in
``results/TABLE/CELL.json``: a cell that is recorded there is done, wherever its run folder is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import commit
from queue_of_runs import Job, Queue, latest_attempts
from table_of_runs import Gate, Result, write_table

RECORDS = Path(__file__).parent / "results"
COLD = {"JAX_ENABLE_COMPILATION_CACHE": "false"}


@dataclass(frozen=True)
class Cell:
    """One run, and the row it fills.

    Args:
        row: label in the table.
        section: heading of the table.
        num_demos: demonstrations.
        options: options of ``triality irl`` other than the defaults, by name.
    """

    row: str
    section: str
    num_demos: int
    options: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"{self.row.replace(', ', '_').replace(' ', '-')}_{self.num_demos:02d}"

    @property
    def learns_cost(self) -> bool:
        """Whether ``triality retrain`` makes sense."""
        return self.options.get("algorithm") != "bc" and self.options.get("cost") != "constant"


@dataclass(frozen=True)
class Study:
    """Cells in one environment.

    Args:
        title: of the table's page.
        env: environment id.
        demos: default demonstration file.
        out: default folder of the runs.
        fragment: default file of the table.
        cells: in the order in which they run.
        main: the section whose cells are also retrained and timed alone.
        gate: what the table has to show.
    """

    title: str
    env: str
    demos: Path
    out: Path
    fragment: Path
    cells: Sequence[Cell]
    main: str
    gate: Gate


def run_study(study: Study, description: str, arguments: Sequence[str] | None = None) -> int:
    """The command line of a study; returns the exit code."""
    options = _parser(study, description).parse_args(arguments)
    cells = [cell for cell in study.cells if all(word in cell.name for word in options.only)]
    jobs = _jobs(study, cells, options)
    if options.list:
        for job in jobs:
            print(f"{'done' if job.is_done() else 'to do':5}  {job.name}\n       {job.command}")
        return 0
    failed: list[str] = []
    if not options.table:
        if not options.demos.is_file():
            print(f"expected the demonstration file {options.demos}, found none; name another with --demos")
            return 2
        try:
            failed = Queue(options.out, options.limit, options.jobs).run(jobs)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here")
            return 130
    attempts = latest_attempts(options.out)
    results = [_result(cell, options.out, attempts) for cell in cells]
    text = write_table(study.title, study.gate, results, attempts, options.fragment if options.table else None)
    print(text)
    return 1 if failed else 0


def _parser(study: Study, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demos", type=Path, default=study.demos, help="demonstration file (default %(default)s)")
    parser.add_argument("--out", type=Path, default=study.out, help="folder of the run folders (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="seeds a cell (default %(default)s)")
    parser.add_argument("--iterations", type=int, help="override every cell's iterations, to try the queue out")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="cells whose name contains it; repeat to narrow down")
    parser.add_argument("--retrain", action="store_true", help=f"also triality retrain on the cells of '{study.main}'")
    parser.add_argument("--alone", action="store_true", help=f"also time one seed of the cells of '{study.main}', nothing compiled before")
    parser.add_argument("--jobs", type=int, default=1, help="at a time (default %(default)s; times are only worth reading at 1)")
    parser.add_argument("--busy", action="store_true", help="other programs run beside: keep what was learned, and no seconds")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds a job may take (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the jobs with their commands, run nothing")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table from what is there")
    parser.add_argument("--fragment", type=Path, default=study.fragment, help="where --table writes (default %(default)s)")
    return parser


def _jobs(study: Study, cells: Sequence[Cell], options: argparse.Namespace) -> list[Job]:
    """Every run, then what is made of the runs, so that the table fills as early as possible."""
    main = [cell for cell in cells if cell.section == study.main]
    jobs = [_irl(study, cell, options, options.out / cell.name, options.seeds, {}) for cell in cells]
    if options.alone:
        jobs += [_irl(study, cell, options, _alone(options.out, cell), 1, COLD) for cell in main]
    if options.retrain:
        jobs += [_retrain(options.out, cell, options) for cell in main if cell.learns_cost]
    return jobs


def _irl(study: Study, cell: Cell, options: argparse.Namespace, folder: Path, seeds: int, environment: Mapping[str, str]) -> Job:
    chosen: dict[str, Any] = {"env": study.env, "demos": options.demos, "num_demos": cell.num_demos, "seeds": seeds, **cell.options}
    if options.iterations is not None:
        chosen["iterations"] = options.iterations
    words = [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    # Whatever an unfinished run left there goes; a finished one is not run again.
    arguments = ("irl", *words, "--out", str(folder), "--overwrite")

    record = recorded(options.out, folder.name)

    def headline() -> str:
        returns = read_json(record)["iqm"]
        return f"return {returns['return_mean']:.1f}, normalized {returns['return_normalized'] or float('nan'):.3f}"

    return Job(
        folder.name,
        arguments,
        lambda: is_finished(folder / "summary.json", chosen) or is_finished(record, chosen),
        headline,
        environment,
        keep=lambda: keep(folder, record, is_timed=not options.busy),
    )


def _retrain(out: Path, cell: Cell, options: argparse.Namespace) -> Job:
    folder = out / cell.name
    extra = () if options.iterations is None else ("--iterations", str(options.iterations))

    def headline() -> str:
        return f"fresh policies reach {read_json(folder / 'retrained.json')['rows'][-1]['normalized'] or float('nan'):.3f}"

    return Job(
        f"{cell.name}_retrained",
        ("retrain", str(folder), *extra),
        lambda: (folder / "retrained.json").is_file(),
        headline,
        is_ready=lambda: (folder / "summary.json").is_file(),
    )


def _alone(out: Path, cell: Cell) -> Path:
    return out / f"{cell.name}_alone"


def recorded(out: Path, name: str) -> Path:
    """Where what a run came to is kept beside the script."""
    return RECORDS / out.name / f"{name}.json"


def keep(folder: Path, record: Path, is_timed: bool = True) -> None:
    """The summary of a run, with the commit it was made at; its seconds only where nothing else took some of them."""
    found = {**read_json(folder / "summary.json"), "commit": commit()}
    found |= {} if is_timed else {"seconds": None, "env_steps_per_second": None}
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(found, indent=1) + "\n")


def is_finished(path: Path, chosen: Mapping[str, Any]) -> bool:
    """Whether there is a summary of a run with these options: by their values, never ``auto``, since a run stores what it did."""
    if not path.is_file():
        return False
    config = read_json(path)["config"]
    return all(str(config.get(name)) == str(value) for name, value in chosen.items())


def _result(cell: Cell, out: Path, attempts: Mapping[str, Mapping[str, Any]]) -> Result:
    def optional(path: Path) -> dict[str, Any] | None:
        return read_json(path) if path.is_file() else None

    folder = out / cell.name
    alone = attempts.get(f"{cell.name}_alone", {})
    return Result(
        cell.section,
        cell.row,
        cell.num_demos,
        optional(recorded(out, cell.name)) or optional(folder / "summary.json"),
        optional(folder / "retrained.json"),
        alone["seconds"] if alone.get("ok") else None,
        attempts.get(cell.name, {}).get("why", ""),
    )


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())

"""Rewards taken to a changed world, by the commands alone: learned with the maze's opening on one side, used with it on the other.

    python benchmarks/transfer_table.py                        # the maze, every row, 5 seeds
    python benchmarks/transfer_table.py --only airl-state      # one row; rows that are there already are kept
    python benchmarks/transfer_table.py --table                # docs/results/transfer_table.md from the record

After Fu et al. 2018, section 7.1: an expert and 50 demonstrations in the one world; a cost for each method; a fresh policy for that cost
alone in the other; 0 = random actions there, 1 = the expert that was trained there on the true reward.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from machine import ROOT, describe_machine
from result_page import Record, ResultPage

from triality.cli.main import main as triality
from triality.data.demonstration_file import read_demonstrations
from triality.errors import SimulatorError

WORLD, CHANGED, NUM_DEMOS = "PointMaze-v0", "PointMazeShifted-v0", 50
STEPS = ("--num-pairs", "512", "--num-rollouts", "32")
METHODS = {
    "airl-state": ("AIRL, cost of the state", ("--algorithm", "airl", "--cost", "state", *STEPS)),
    "airl-state-action": ("AIRL, cost of state and action", ("--algorithm", "airl", *STEPS)),
    "gan-gcl-trajectory": ("GAN-GCL, trajectories, cost of the state", ("--algorithm", "gan-gcl", "--cost", "state")),
    "gan-gcl-step": ("GAN-GCL, steps, cost of the state", ("--algorithm", "gan-gcl", "--level", "step", "--cost", "state", *STEPS)),
    "gail": ("GAIL, the cost its discriminator implies", ("--algorithm", "gail", *STEPS)),
}
PUBLISHED = {"airl-state": -8.82, "gan-gcl-trajectory": -41.8}
PUBLISHED_TRUTH = -8.45


def main() -> int:
    result = ResultPage("transfer_table", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=METHODS, default=list(METHODS), help="rows to measure (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "transfer", help="demonstrations and runs (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=150, help="of learning (default %(default)s)")
    parser.add_argument("--expert-iterations", type=int, default=200, help="of experts and fresh policies (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Yields after every row. What an earlier call with the same record measured is kept beside it."""
    record: Record = json.loads(options.out.read_text()) if options.out.is_file() else {"rows": {}}
    count, spent = str(options.expert_iterations), ("--num-episodes", str(NUM_DEMOS), "--overwrite")
    returns = {}
    for world in (WORLD, CHANGED):
        file = options.folder / f"{world}.npz"
        command("expert", "--env", world, "--out", str(file), "--iterations", count, *spent)
        returns[world] = float(read_demonstrations(file).returns().mean())
    record |= {"machine": describe_machine(), "experts": returns}
    for name in options.only:
        out, demos = str(options.folder / name), str(options.folder / f"{WORLD}.npz")
        sizes = ("--seeds", str(options.seeds), "--iterations", str(options.iterations), "--num-demos", str(NUM_DEMOS))
        command("irl", "--env", WORLD, "--demos", demos, "--out", out, "--overwrite", *METHODS[name][1], *sizes)
        command("retrain", out, "--env", CHANGED, "--iterations", count, "--expert-return", str(returns[CHANGED]))
        learned = json.loads((options.folder / name / "summary.json").read_text())
        rows = json.loads((options.folder / name / "transfer.json").read_text())["rows"]
        record["rows"][name] = {
            "learned": [seed["return_normalized"] for seed in learned["seeds"]],
            "returns": [row["return"] for row in rows if row["who"].startswith("fresh")],
            "normalized": [row["normalized"] for row in rows if row["who"].startswith("fresh")],
            "iterations": options.iterations,
            "retrained": options.expert_iterations,
        }
        yield record


def command(*arguments: str) -> None:
    """One command of triality.

    Raises:
        SimulatorError: it failed; it has said why.
    """
    if code := triality(list(arguments)):
        raise SimulatorError(f"expected triality {' '.join(arguments)} to succeed, got exit code {code}; do read its message above")


def page(record: Record) -> list[str]:
    """A row a method, the published return beside it."""
    lines = ["# Rewards in a changed world", "", "| cost | learned there | fresh policies here: return | normalized | published return |"]
    lines += ["|---|---:|---:|---:|---:|"]
    for name, row in record["rows"].items():
        shares = ", ".join(f"{share:.2f}" for share in row["normalized"])
        published = f"{PUBLISHED[name]:g}" if name in PUBLISHED else "-"
        cells = (
            METHODS[name][0],
            f"{_mean(row['learned']):.2f}",
            f"{_mean(row['returns']):.1f}",
            f"{_mean(row['normalized']):.2f} ({shares})",
        )
        lines.append(f"| {' | '.join(cells)} | {published} |")
    lines.append(f"| the true reward | 1 | {record['experts'][CHANGED]:.1f} | 1 | {PUBLISHED_TRUTH:g} |")
    return [
        *lines,
        "",
        f"Learned in {WORLD} from {NUM_DEMOS} demonstrations; fresh policies trained and judged in {CHANGED}, by their mean",
        "action; the row of the true reward is by sampled actions, so that a mean action can earn more than 1. Means over seeds, each seed",
        "in brackets. *Learned there*: normalized return of the method's own policy in the world it learned in. *Published*: Fu et al.",
        "2018, arXiv:1710.11248, in a MuJoCo maze whose returns are not comparable with these.",
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    sys.exit(main())

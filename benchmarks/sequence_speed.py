"""SeqGAN's sizes beside PyTorch: draws, steps of likelihood, and whole adversarial steps; and draws against length and batch.

    python benchmarks/sequence_speed.py                       # about ten minutes, after the peer's environment is made
    python benchmarks/sequence_speed.py --peer-python PATH    # an interpreter that has torch
    python benchmarks/sequence_speed.py --table               # docs/results/sequence_speed.md and its figure from the record

5,000 tokens, 20 places, an LSTM of 32 units, batches of 64; a discriminator of five widths of 64 filters; an adversarial step is five steps
of the discriminator on fresh draws, 64 draws with 16 roll-outs from each of their prefixes, and one policy gradient. Ours runs on one
thread; the peer on one, and on all cores. The sides take turns; compilation is left out and told apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from peer_environment import peer_python, result_of
from result_page import PICTURES, Record, ResultPage, kept

PEER_PACKAGES = ("torch==2.13.0",)
SIZES = {"vocabulary": 5000, "length": 20, "hidden": 32, "batch": 64, "rollouts": 16, "discriminator_steps": 5}
TASKS = {
    "draws": {"kind": "sample", "repeats": 15, **SIZES},
    "draws, batch 1,024": {"kind": "sample", "repeats": 7, **SIZES, "batch": 1024},
    "step of likelihood": {"kind": "likelihood", "repeats": 15, **SIZES},
    "adversarial step": {"kind": "adversarial", "repeats": 3, **SIZES},
}
GRID = [(length, batch) for length in (10, 20, 40, 80) for batch in (16, 64, 256, 1024)]
SIDES = ("triality", "torch, one thread", "torch, all cores")


def main() -> int:
    result = ResultPage("sequence_speed", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs a side, in turn (default %(default)s)")
    parser.add_argument("--peer-python", type=Path, help="an interpreter that has torch; .venv-sequence-peer is made where none is given")
    parser.add_argument("--figure", type=Path, default=PICTURES / "sequence_speed.svg")
    options = parser.parse_args()
    result.run(options)
    if options.table:
        plot(kept(options.out), options.figure)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    python, runs = peer_python(options.peer_python, ".venv-sequence-peer", ((*PEER_PACKAGES, "numpy"),)), {}
    for name, task in TASKS.items():
        runs[name] = [{side: run_side(side, python, task) for side in SIDES} for _ in range(options.repeats)]
        yield {"runs": runs}
    draws = []
    for length, batch in GRID:
        task = {**SIZES, "kind": "sample", "repeats": 5, "length": length, "batch": batch}
        seconds = {side: median(run_side(side, python, task)["seconds"]) for side in SIDES[:2]}
        draws.append({"length": length, "batch": batch, **seconds})
        yield {"runs": runs, "draws": draws}


def run_side(side: str, python: Path, task: dict[str, Any]) -> dict[str, Any]:
    """One process, one task."""
    ours = side == "triality"
    threads = (os.cpu_count() or 1) if side.endswith("cores") else 1
    script = "seqgan_triality.py" if ours else "seqgan_torch.py"
    result = result_of(sys.executable if ours else python, script, task | {"threads": threads}, threads)
    print(side, task["kind"], task["length"], task["batch"], f"{1e3 * median(result['seconds']):.1f} ms", flush=True)
    return result


def page(record: Record) -> list[str]:
    lines = ["# Sequences: speed beside PyTorch", "", "![Draws against length and batch](../_static/sequence_speed.svg)", ""]
    lines += [
        "| task | triality, ms | torch, one thread, ms | torch, all cores, ms | times as fast | of all cores |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, runs in record["runs"].items():
        times = {side: [median(run[side]["seconds"]) for run in runs] for side in SIDES}
        ratios = [[peer / ours for peer, ours in zip(times[side], times["triality"], strict=True)] for side in SIDES[1:]]
        cells = [f"{1e3 * median(times[side]):.1f}" for side in SIDES]
        told = [f"{median(each):.1f} ({min(each):.1f} to {max(each):.1f})" for each in ratios]
        lines.append("| " + " | ".join([name, *cells, *told]) + " |")
    first = median(run["triality"]["first"] for run in record["runs"]["adversarial step"]) if "adversarial step" in record["runs"] else None
    packages = {
        name: found for run in next(iter(record["runs"].values())) for side in SIDES for name, found in run[side]["packages"].items()
    }
    lines += [
        "",
        "Medians of runs in turn, the range of the ratio in brackets. 5,000 tokens, 20 places, an LSTM of 32 units, batches of 64 where",
        "nothing else is said. The peer is written on torch's own LSTM, all roll-outs of a prefix in one batch, each from its own state;",
        "draws are `torch.multinomial`. Ours draws a token by one uniform number, completes all prefixes in one loop, and has one thread.",
        *([f"The first adversarial step, compilation included, took {first:.1f} s."] if first else []),
        ", ".join(f"{name} {found}" for name, found in packages.items()) + ".",
    ]
    return lines


def plot(record: Record, target: Path) -> None:
    """Tokens a second against the batch, a line a length."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    from triality.runs.report.palette import DATA, DRAWN, INK, MUTED, OTHER, RULE

    rcParams.update({"svg.hashsalt": "triality", "font.size": 9, "text.color": INK.light, "axes.labelcolor": INK.light})
    picture = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = picture.subplots()
    for length, color in zip(sorted({each["length"] for each in record["draws"]}), (DATA, DRAWN, OTHER, MUTED), strict=False):
        rows = [each for each in record["draws"] if each["length"] == length]
        for side, style in zip(SIDES[:2], ("-", "--"), strict=True):
            rates = [each["batch"] * length / each[side] for each in rows]
            axes.plot([each["batch"] for each in rows], rates, style, marker=".", color=color.light, label=f"{length} tokens, {side}")
    axes.set(xlabel="batch (sequences)", ylabel="draws with log q (tokens a second)", xscale="log", yscale="log")
    axes.grid(True, color=RULE.light, linewidth=0.6)
    axes.legend(frameon=False, fontsize=7, ncols=2)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


if __name__ == "__main__":
    sys.exit(main())

"""Flows and contrastive training beside zuko, torch and ebmkit: the same sizes, one thread a side, in turn.

    python benchmarks/density_speed.py                       # about fifteen minutes, after the peer's environment is made
    python benchmarks/density_speed.py --peer-python PATH    # an interpreter that has torch, zuko and ebmkit
    python benchmarks/density_speed.py --scaling             # step time against batch and dimension, ours alone
    python benchmarks/density_speed.py --table               # docs/results/density_speed.md from the result files

Flows: 8 dimensions, 5 layers, 2 x 64, batch 4,096. Training: steps a second of noise-contrastive estimation (fixed Gaussian noise) and of
flow contrastive estimation (RealNVP of 5 layers), an energy of 2 x 128, batches of 64 and 256, in 2 and 8 dimensions; beside them the
matrix products of such a step alone, which no implementation can do without.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from peer_environment import peer_python, result_of
from result_page import PICTURES, Record, ResultPage, kept

PEER_PACKAGES = (("torch==2.13.0",), ("zuko==1.6.0", "ebmkit==0.16.0"))
SIZES = {"layers": 5, "hidden": [64, 64], "energy": [128, 128]}
FLOWS = {
    f"flow, {name}": {"kind": "flow", "flow": name, "dim": 8, "batch": 4096, "repeats": 15, **SIZES}
    for name in ("realnvp", "spline coupling", "maf")
}
TRAINING = {
    f"{kind}, batch {batch}, {dim}-D": {"kind": kind, "dim": dim, "batch": batch, "steps": 500, "peer_steps": 100, "repeats": 5, **SIZES}
    for kind in ("nce", "fce")
    for batch in (64, 256)
    for dim in (2, 8)
}
TASKS = FLOWS | TRAINING
PRODUCTS = {"kind": "products", "dim": 8, "batch": 256, "repeats": 15, **SIZES}
SCALING = {
    f"{kind}, batch {batch}, {dim}-D": {"kind": kind, "dim": dim, "batch": batch, "steps": 50, "repeats": 5, **SIZES}
    for kind in ("nce", "fce")
    for batch, dim in ((64, 8), (256, 8), (1024, 8), (4096, 8), (256, 2), (256, 32), (256, 128))
}
SCRIPTS = {"triality": "triality_density.py", "peer": "torch_density.py"}


def main() -> int:
    result = ResultPage("density_speed", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs a side, in turn (default %(default)s)")
    parser.add_argument(
        "--peer-python", type=Path, help="an interpreter with the peer's packages; .venv-density-peer is made where none is given"
    )
    parser.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS], help="the others stay as recorded (default: all)")
    parser.add_argument("--scaling", action="store_true", help="measure step time against batch and dimension instead")
    parser.add_argument("--picture", type=Path, default=PICTURES / "density_scaling.svg")
    options = parser.parse_args()
    result.run(options)
    if options.table and "scaling" in kept(options.out):
        draw_scaling(kept(options.out)["scaling"], options.picture)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    earlier = kept(options.out)
    if options.scaling:
        yield earlier | {"scaling": {name: run_side("triality", sys.executable, task) for name, task in SCALING.items()}}
        return
    sides = (("triality", sys.executable), ("peer", peer_python(options.peer_python, ".venv-density-peer", PEER_PACKAGES)))
    earlier.pop("machine", None)
    runs = {
        name: [{side: run_side(side, python, task) for side, python in sides} for _ in range(options.repeats)]
        for name, task in TASKS.items()
        if name in options.tasks
    }
    kept_runs = earlier.get("runs", {})
    yield earlier | {
        "runs": {name: runs.get(name) or kept_runs[name] for name in TASKS if name in runs or name in kept_runs},
        "products": [run_side("triality", sys.executable, PRODUCTS)["step_seconds"] for _ in range(options.repeats)],
    }


def run_side(side: str, python: Any, task: dict[str, Any]) -> dict[str, Any]:
    """One process, one task."""
    result = result_of(python, SCRIPTS[side], task)
    print(side, task["kind"], task.get("flow", ""), task["dim"], task["batch"], json.dumps(result), flush=True)
    return result


def page(record: Record) -> list[str]:
    lines = ["# Flows and contrastive training: speed beside the peers", ""]
    if "runs" in record:
        lines += ["| task | triality | peer | times as fast |", "|---|---:|---:|---:|"]
        for name, runs in record["runs"].items():
            keys = (
                ("sample_seconds", "draws with log q, ms a batch"),
                ("log_prob_seconds", "log density, ms a batch"),
                ("step_seconds", "steps a second"),
            )
            for key, words in keys:
                if key in runs[0]["triality"]:
                    lines.append(_line(f"{name}: {words}", key, runs))
        samples = [
            median(run["peer"]["sample_seconds"] / run["triality"]["sample_seconds"] for run in record["runs"][name]) for name in FLOWS
        ]
        lines += ["", f"Median of the three flows, draws with log q: {median(samples):.1f} times."]
        packages = {side: record["runs"][name][0][side]["packages"] for name in TRAINING for side in SCRIPTS}
        versions = ", ".join(f"{name} {found}" for each in packages.values() for name, found in each.items())
        lines += [
            "",
            "Medians of runs in turn, range of the ratio in brackets; one thread a side, compilation left out. The peer of nce is",
            "ebmkit's own loss, that of fce zuko's RealNVP under a loop in torch.",
            f"{versions}.",
            "",
            *floor(record),
        ]
    if "scaling" in record:
        lines += ["", "## Step time against batch and dimension", "", "![Step time](../_static/density_scaling.svg)", ""]
        lines += ["| task | ms a step | compilation, s |", "|---|---:|---:|"]
        lines += [
            f"| {name} | {1e3 * each['step_seconds']:.2f} | {each['compile_seconds']:.1f} |" for name, each in record["scaling"].items()
        ]
        lines += ["", "`python benchmarks/density_speed.py --scaling`"]
    return lines


def floor(record: Record) -> list[str]:
    """What the matrix products alone leave possible."""
    name, products = f"nce, batch {PRODUCTS['batch']}, {PRODUCTS['dim']}-D", median(record["products"])
    ours, peer = (median(run[side]["step_seconds"] for run in record["runs"][name]) for side in SCRIPTS)
    return [
        f"Of the {1e3 * ours:.2f} ms of a step of {name}, {1e3 * products:.2f} ms are the energy's matrix products alone, measured by",
        f"themselves: a step that did nothing else would be {peer / products:.1f} times as fast as the peer's. The smaller the batch, the",
        "more of the peer's step is overhead, and the larger the ratio.",
    ]


def _line(name: str, key: str, runs: list[dict[str, Any]]) -> str:
    ratios = _ratios(key, runs)
    sides = []
    for side in SCRIPTS:
        middle = median(run[side][key] for run in runs)
        sides.append(f"{1 / middle:,.0f}" if key == "step_seconds" else f"{1e3 * middle:.2f}")
    return f"| {name} | {sides[0]} | {sides[1]} | {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) |"


def _ratios(key: str, runs: list[dict[str, Any]]) -> list[float]:
    return [run["peer"][key] / run["triality"][key] for run in runs]


def draw_scaling(found: dict[str, Any], target: Path) -> None:
    """Two panels: over the batch, over the dimension."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for kind, color in (("nce", "#0f6a8f"), ("fce", "#b8470e")):
        points = [(task["batch"], task["dim"], found[name]["step_seconds"]) for name, task in SCALING.items() if task["kind"] == kind]
        for axes, at, fixed in ((panels[0], 0, (1, 8)), (panels[1], 1, (0, 256))):
            chosen = sorted((point[at], 1e3 * point[2]) for point in points if point[fixed[0]] == fixed[1])
            axes.plot(*zip(*chosen, strict=True), marker="o", color=color, label=kind)
    for axes, label in zip(panels, ("batch size (samples), 8 dimensions", "dimension (columns), batch 256"), strict=True):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("time of a step (ms)")
    panels[0].legend(frameon=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())

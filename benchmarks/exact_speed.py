"""Exact tables beside irl-maxent, and the acceptance ratio beside pymbar: the same arrays, float64, one thread a side, in turn.

    python benchmarks/exact_speed.py                       # some minutes, after the peers' environment is made
    python benchmarks/exact_speed.py --peer-python PATH    # an interpreter that has irl-maxent and pymbar
    python benchmarks/exact_speed.py --table               # docs/results/exact_speed.md from the record

Tables: irl-maxent's own icy grid. *A gradient* is the causal policy of a reward and its expected visits. *Learning* is from 200
demonstrations, each side by its own optimizer to its own stopping rule; the gap in visits that it leaves stands beside the seconds.
Log Z: log ratios of both sides are normal, N(v/2, v) at the data and N(-v/2, v) at the draws, v = 4, so that log Z = 0 is known.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from machine import describe_machine
from peer_environment import peer_python, result_of
from result_page import Record, ResultPage, kept

PEER_PACKAGES = ("numpy==2.3.4", "irl-maxent==0.1.0", "pymbar==4.0.3")
SCRIPTS = {"triality": "exact_triality.py", "peer": "exact_numpy.py"}
VARIANCE = 4.0
SLIP, NUM_DEMOS = 0.2, 200
TASKS: dict[str, dict[str, Any]] = {
    **{f"log Z, {size:,} samples a side": {"kind": "bar", "size": size, "repeats": 9} for size in (1_000, 10_000, 100_000, 1_000_000)},
    **{f"log Z, the root alone, {size:,} samples a side": {"kind": "root", "size": size, "repeats": 9} for size in (10_000, 1_000_000)},
    **{f"a gradient, {side**2} states": {"kind": "visits", "side": side, "horizon": 60 * side, "repeats": 5} for side in (5, 10, 20)},
    "learning, 25 states": {"kind": "irl", "side": 5, "horizon": 300, "repeats": 3, "tolerance": 1e-3},
}


def main() -> int:
    result = ResultPage("exact_speed", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs a side, in turn (default %(default)s)")
    parser.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS], help="the others stay as recorded (default: all)")
    parser.add_argument("--peer-python", type=Path, help="an interpreter with the peers; .venv-exact-peer is made where none is given")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    sides = (("triality", sys.executable), ("peer", peer_python(options.peer_python, ".venv-exact-peer", (PEER_PACKAGES,))))
    machine, runs = describe_machine(), dict(kept(options.out).get("runs", {}))
    with tempfile.TemporaryDirectory() as folder:
        for name in options.tasks:
            arrays = Path(folder) / "arrays.npz"
            np.savez(arrays, **arrays_of(TASKS[name]))
            task = {**TASKS[name], "arrays": str(arrays)}
            runs[name] = [{side: run_side(side, python, task) for side, python in sides} for _ in range(options.repeats)]
            yield {"machine": machine, "repeats": options.repeats, "runs": {each: runs[each] for each in TASKS if each in runs}}


def arrays_of(task: dict[str, Any]) -> dict[str, Any]:
    """What both sides are given."""
    rng = np.random.default_rng(0)
    if task["kind"] in ("bar", "root"):
        data, drawn = (rng.normal(sign * VARIANCE / 2, np.sqrt(VARIANCE), task["size"]) for sign in (1, -1))
        return {"data": data, "drawn": drawn}
    transitions = icy_grid(task["side"])
    states, terminal = transitions.shape[0], transitions.shape[0] - 1
    start, reward = np.eye(states)[0], -3.0 + 1.5 * rng.random(states) - 0.5
    world = {"transitions": transitions, "start": start, "terminal": np.array(terminal), "reward": reward}
    if task["kind"] == "visits":
        return world
    walks = walks_of(transitions, soft_policy(transitions, terminal, reward), terminal, rng)
    table = np.full((NUM_DEMOS, max(map(len, walks))), -1)
    for row, walk in zip(table, walks, strict=True):
        row[: len(walk)] = walk
    counts = np.bincount(np.concatenate(walks), minlength=states) / NUM_DEMOS
    return {**world, "states": table, "demonstrated": counts}


def icy_grid(side: int) -> Any:
    """P as (from, to, action), as irl-maxent's: a move that slips goes to any neighbor alike, and a step off the grid stays."""
    moves = ((1, 0), (-1, 0), (0, 1), (0, -1))
    table = np.zeros((side**2, side**2, len(moves)))
    for state in range(side**2):
        x, y = state % side, state // side
        ends = [(x + dx, y + dy) for dx, dy in moves]
        to = [ex + side * ey if 0 <= ex < side and 0 <= ey < side else state for ex, ey in ends]
        for action, meant in enumerate(to):
            table[state, meant, action] += 1 - SLIP
            for other in to:
                table[state, other, action] += SLIP / len(moves)
    return table


def soft_policy(transitions: Any, terminal: int, reward: Any) -> Any:
    """Maximum causal entropy for a reward, until the terminal state; written from the definition, in numpy."""
    value = np.full(reward.size, -1e3)
    for _ in range(20 * reward.size):
        value[terminal] = 0.0
        action_value = reward[:, None] + np.einsum("sta,t->sa", transitions, value)
        value = np.logaddexp.reduce(action_value, axis=1)
    return np.exp(action_value - value[:, None])


def walks_of(transitions: Any, policy: Any, terminal: int, rng: np.random.Generator) -> list[list[int]]:
    """Demonstrations: the states of each, the terminal one included."""
    walks = []
    for _ in range(NUM_DEMOS):
        walk = [0]
        while walk[-1] != terminal:
            action = rng.choice(policy.shape[1], p=policy[walk[-1]])
            walk.append(int(rng.choice(policy.shape[0], p=transitions[walk[-1], :, action])))
        walks.append(walk)
    return walks


def run_side(side: str, python: Any, task: dict[str, Any]) -> dict[str, Any]:
    """One process, one task."""
    result = result_of(python, SCRIPTS[side], task)
    print(side, task["kind"], result["seconds"], flush=True)
    return result


def page(record: Record) -> list[str]:
    lines = ["# Exact tables and the acceptance ratio: speed beside the peers", ""]
    lines += ["| task | triality | its first call | peer | times as fast | what was found |", "|---|---:|---:|---:|---|---|"]
    for name, runs in record["runs"].items():
        ours, first, theirs = (median(run[side][what] for run in runs) for side, what in COLUMNS)
        ratios = sorted(run["peer"]["seconds"] / run["triality"]["seconds"] for run in runs)
        found = found_words(TASKS[name]["kind"], runs[-1]["triality"], runs[-1]["peer"])
        times = f"**{median(ratios):.1f}** ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        lines.append(f"| {name} | {time_words(ours)} | {time_words(first)} | {time_words(theirs)} | {times} | {found} |")
    versions = next(iter(record["runs"].values()))[0]["peer"]["packages"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        *lines,
        "",
        f"Median of {record['repeats']} processes a side, in turn, one thread each, float64; the ratios' range in brackets. *Its first",
        f"call* contains compilation, which a process pays once. Peers: {told}.",
        "",
        "*Log Z*: Bennett's equation with its error bar, ours with effective sample size, overlap and the other diagnostics as well,",
        "of which the Pareto tail needs the largest weights in order: in float64 most of the time. *The root alone*: without either.",
        "*A gradient*: causal policy and expected visits of an icy grid, undiscounted until the terminal state; ours over a horizon of 60",
        "times the side. *Learning*: 200 demonstrations; irl-maxent by gradient ascent at the step size (0.1) and the stopping rule of its",
        "examples, ours by L-BFGS until no visit is off by more than 1e-3; *gap*: the largest difference in visits that either leaves.",
    ]


COLUMNS = (("triality", "seconds"), ("triality", "first_seconds"), ("peer", "seconds"))


def time_words(seconds: float) -> str:
    return f"{1e3 * seconds:,.2f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def found_words(kind: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """That both found the same."""
    if kind == "root":
        return f"log Z apart by {abs(ours['value'] - theirs['value']):.0e}"
    if kind == "bar":
        return f"log Z apart by {abs(ours['value'] - theirs['value']):.0e}; error bars {ours['stderr']:.1e} and {theirs['stderr']:.1e}"
    if kind == "visits":
        apart = np.abs(np.asarray(ours["visits"]) - np.asarray(theirs["visits"]))[:-1].max()
        return f"visits apart by {apart:.0e}"
    return f"gap {ours['gap']:.0e} and {theirs['gap']:.0e}"


if __name__ == "__main__":
    sys.exit(main())

"""Several devices and several processes: the same numbers, and what they gain.

    python benchmarks/devices.py            # about eight minutes; nothing else may run
    python benchmarks/devices.py --table    # docs/results/devices.md from the result file

The numbers: three iterations of every kind of run on 1, 2, 4 and 8 parts of a CPU in one process, float32 and float64. The gain: GAN-GCL
with matched starts, Pendulum, 384 roll-outs of 200 steps, the same work each. Two parts of a CPU are not twice as fast as one where
memory, caches and clock are shared, so the limit is measured beside it: two independent processes at once, each doing the work of one.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from statistics import median
from types import MappingProxyType
from typing import Any

from machine import ROOT
from result_page import Record, ResultPage

CASES = ROOT / "benchmarks" / "device_cases.py"
SIZES = (384,)
"""Roll-outs an iteration."""
COMPARED = ("GAN-GCL, trajectories", "GAN-GCL, steps, PPO", "ebm: generator and energy")
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
"""Compiled in less than half the time: for numbers alone, of which it changes none that counts here."""
PACES = {
    "one device": {"devices": 1},
    "two devices, batches split": {"devices": 2},
    "two processes, batches split": {"processes": 2},
    "two independent processes at once": {"copies": 2},
    "two seeds on one device": {"devices": 1, "seeds": 2},
    "two seeds on two devices": {"devices": 2, "seeds": 2},
}


def main() -> int:
    result = ResultPage("devices", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="timed iterations of a process (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="how often all ways are measured, one after the other (default %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="roll-outs an iteration (default %(default)s)")
    parser.add_argument("--cases", nargs="+", default=list(COMPARED), help="of the numbers (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record: Record = {"repeats": options.repeats, "rounds": options.rounds, "paces": {}}
    words = ["numbers", "--devices", "8", "--cases", *options.cases]
    quick = {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen=false {QUICK}"}
    record["numbers"] = {name: _children([[*words, *flag]], quick)[0] for name, flag in _precisions().items()}
    yield record
    for size in options.sizes:
        times: dict[str, list[float]] = {name: [] for name in PACES}
        for _ in range(options.rounds):
            for name, way in PACES.items():
                times[name] += _paced(way, size, options.repeats)
                print(f"{size} roll-outs, {name}: {1e3 * median(times[name]):.1f} ms an iteration", flush=True)
        record["paces"][str(size)] = times
        yield record


def _precisions() -> dict[str, list[str]]:
    return {"float32": [], "float64": ["--x64"]}


def _paced(way: dict[str, int], size: int, repeats: int) -> list[float]:
    """Seconds of iterations; of several processes the slowest's, iteration by iteration."""
    words = ["pace", "--rollouts", str(size), "--repeats", str(repeats), "--seeds", str(way.get("seeds", 1))]
    words += ["--devices", str(way.get("devices", 1))]
    every = [words] * way.get("copies", 1)
    if processes := way.get("processes"):
        meeting = ["--coordinator", f"localhost:{_free_port()}", "--processes", str(processes)]
        every = [[*words, *meeting, "--index", str(index)] for index in range(processes)]
    found = _children(every)
    return [max(each) for each in zip(*(one["seconds"] for one in found), strict=True)]


def _children(every: list[list[str]], more: Mapping[str, str] = MappingProxyType({})) -> list[Any]:
    """What processes say that run at once, with more in their environment. What one has compiled the next reads from disk."""
    cache = {"JAX_COMPILATION_CACHE_DIR": str(ROOT / ".jax_cache"), "JAX_ENABLE_COMPILATION_CACHE": "true"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **cache, **more}
    started = [
        subprocess.Popen([sys.executable, str(CASES), *words], stdout=subprocess.PIPE, text=True, env=environment) for words in every
    ]
    said = [process.communicate(timeout=1200)[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"expected {CASES.name} to end well, got exit codes {[process.returncode for process in started]}")
    return [json.loads(text.splitlines()[-1]) for text in said]


def _free_port() -> int:
    with socket.socket() as ours:
        ours.bind(("localhost", 0))
        return ours.getsockname()[1]


def page(record: Record) -> list[str]:
    lines = ["# Several devices: the same numbers, and what they gain", "", "## The same numbers", ""]
    lines += [
        "Largest relative difference from one device after three iterations, over every array of state and metrics (largest difference of",
        "an array over its largest number). Sums are taken in another order, and nothing else differs; another key stands beside it.",
        "In float32 the largest is of a bias whose gradient is nearly zero, where Adam makes a whole step of rounding.",
        "",
    ]
    for precision, cases in record["numbers"].items():
        counts = list(next(iter(cases.values())))
        lines += [f"### {precision}", "", f"| run | {' | '.join(_counted(each) for each in counts)} |", f"|---|{'---:|' * len(counts)}"]
        lines += [
            f"| {name} | {' | '.join(f'{each[count]:.1e}' if count in each else '' for count in counts)} |" for name, each in cases.items()
        ]
        lines.append("")
    lines += ["## What they gain", "", *_gains(record)]
    return lines


def _counted(count: str) -> str:
    return f"{count} device{'' if count == '1' else 's'}" if count.isdigit() else count


def _gains(record: Record) -> list[str]:
    if not record["paces"]:
        return ["Not measured yet."]
    lines = [
        "GAN-GCL, matched starts, Pendulum, 200 steps. The limit is what two processes gain that never speak to each other: twice the",
        "speed of one, over how much each slows the other. Seeds are held against two of them on one device, all else against one device.",
        "",
        "| roll-outs | | iteration, ms | range | gain | of the limit |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for size, times in record["paces"].items():
        at = {name: median(each) for name, each in times.items()}
        limit = 2 * at["one device"] / at["two independent processes at once"]
        for name, each in times.items():
            gain = _gain(name, at, limit)
            cells = [
                size,
                name,
                f"{1e3 * at[name]:.1f}",
                f"{1e3 * min(each):.1f} to {1e3 * max(each):.1f}",
                f"{gain:.2f}",
                f"{gain / limit:.0%}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", f"Medians of {record['rounds'] * record['repeats']} iterations, all ways measured in turn."]


def _gain(name: str, at: dict[str, float], limit: float) -> float:
    """Over one device doing the same work."""
    if "independent" in name:
        return limit
    return at["two seeds on one device" if "seeds" in name else "one device"] / at[name]


if __name__ == "__main__":
    sys.exit(main())

"""What it costs that a run survives: guard and checkpoints beside the bare loop, and a checkpoint beside a raw write.

    python benchmarks/checkpoint_cost.py            # ten minutes on a quiet machine
    python benchmarks/checkpoint_cost.py --table    # docs/results/checkpoint_cost.md from the record

Both sides of a pair run the same compiled iterations from the same state, one after the other, in turning order: one bare,
one with the guard around every step and a keeper that is told after every chunk and saves every 30 seconds, as the commands do. The second
setting saves as often as the keeper allows itself (every second). The checkpoint is ten million numbers in single precision, in a hundred
arrays, written, forced to the disk, read back and compared; the raw write is the same bytes, written and forced to the disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, one_thread
from result_page import Record, ResultPage
from result_page import kept as kept_record

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.guarded import Guarded  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.cli.experiment import build_algorithm, first_states  # noqa: E402
from triality.cli.irl import check  # noqa: E402
from triality.cli.options import IrlOptions  # noqa: E402
from triality.run import over_seeds, run  # noqa: E402
from triality.runs.checkpoint_file import StoredLeaf, read_leaves, write_leaves  # noqa: E402
from triality.runs.keeper import kept_run  # noqa: E402
from triality.runs.keeping import Keeping  # noqa: E402
from triality.samplers.flow import spline_coupling_flow  # noqa: E402
from triality.targets.curves import two_moons  # noqa: E402

NUM_NUMBERS, NUM_ARRAYS = 10_000_000, 100
SECONDS = 45.0
"""Of one side of a pair, about: more than one checkpoint is due in it."""


def main() -> int:
    result = ResultPage("checkpoint_cost", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="of either setting (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one side, about (default %(default)s)")
    parser.add_argument("--only", choices=("writes", "runs"), help="keep the other half of the record as it is")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    before = kept_record(options.out)
    record: Record = {"runs": before.get("runs", {}), "writes": before["writes"] if options.only == "runs" else writes()}
    yield record
    if options.only == "writes":
        return
    for name, make in {"irl": of_irl, "likelihood of a flow": of_flow}.items():
        setting = make()
        for every in (30.0, 1.0):
            label = f"{name}, a checkpoint every {every:g} s"
            record["runs"][label] = paired(setting, every, options)
            print(label, record["runs"][label], flush=True)
            yield record


def writes() -> dict[str, list[float]]:
    """Seconds of a raw write, of a checkpoint, and of reading one, in turn."""
    numbers = np.random.default_rng(0).normal(size=NUM_NUMBERS).astype(np.float32)
    leaves = [StoredLeaf(f".array[{index}]", part) for index, part in enumerate(np.split(numbers, NUM_ARRAYS))]
    found: dict[str, list[float]] = {"raw": [], "checkpoint": [], "read": []}
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        for _ in range(12):
            path = Path(folder)
            found["raw"].append(seconds_of(lambda path=path: raw_write(path / "raw", numbers)))
            found["checkpoint"].append(seconds_of(lambda path=path: write_leaves(path / "x.ckpt", leaves, step=1, config={})))
            found["read"].append(seconds_of(lambda path=path: read_leaves(path / "x.ckpt")))
    return found


def raw_write(path: Path, numbers: np.ndarray) -> None:
    with open(path, "wb") as file:
        file.write(numbers.data)
        file.flush()
        os.fsync(file.fileno())


def seconds_of(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


class Setting(NamedTuple):
    """What is run: an algorithm from a state, so many steps a chunk, compiled as its command does it, and the guard's first state."""

    algorithm: Any
    state: Any
    size: int
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]]
    first: Callable[[Guarded], Any]


def of_irl() -> Setting:
    """GAN-GCL on Pendulum as the command runs it, five iterations a chunk."""
    with tempfile.TemporaryDirectory() as folder:
        plan = check(IrlOptions("Pendulum-v1", ROOT / "examples" / "pendulum_demos.npz", Path(folder) / "run", num_demos=5))
    algorithm = build_algorithm(plan.options, plan.task)
    states = first_states(algorithm, plan)
    return Setting(algorithm, states, 5, over_seeds, lambda guarded: eqx.filter_vmap(guarded.init)(states))


def of_flow() -> Setting:
    """A spline flow by likelihood, 250 steps a chunk: short steps, for which a guard is dearest."""
    x = jax.vmap(lambda key: two_moons().sample_and_log_prob(key)[0])(jax.random.split(jax.random.key(0), 5000))
    learning = LikelihoodLearning(DataSet(x), 1e-3, 256)
    state = learning.init(jax.random.key(1), spline_coupling_flow(jax.random.key(2), 2, 4, (64, 64), 12, 3.0))
    return Setting(learning, state, 250, eqx.filter_jit, lambda guarded: guarded.init(state))


def paired(setting: Setting, every: float, options: argparse.Namespace) -> dict[str, Any]:
    algorithm, state = setting.algorithm, setting.state
    program = setting.compiled(lambda a, s: run(a, s, 1, setting.size)[:2])
    guarded = Guarded(algorithm)
    first = setting.first(guarded)
    pause = seconds_of(lambda: jax.block_until_ready(program(algorithm, state)))
    jax.block_until_ready(program(guarded, first))
    pause = min(seconds_of(lambda: jax.block_until_ready(program(algorithm, state))) for _ in range(3))
    num_chunks = max(3, round(options.seconds / pause))
    sides = {"bare": lambda: bare(program, algorithm, state, num_chunks), "kept": lambda: kept(program, guarded, first, num_chunks, every)}
    found: dict[str, list[float]] = {"bare": [], "kept": []}
    for pair in range(options.pairs):
        for name in sorted(sides, reverse=bool(pair % 2)):
            found[name].append(seconds_of(sides[name]))
    return found | {"num_chunks": num_chunks}


def bare(program: Any, algorithm: Any, state: Any, num_chunks: int) -> None:
    for _ in range(num_chunks):
        state, metrics = program(algorithm, state)
        jax.block_until_ready(metrics)


def kept(program: Any, guarded: Guarded, state: Any, num_chunks: int, every: float) -> None:
    folder = Path(tempfile.mkdtemp(dir=ROOT))
    with kept_run(folder / "run", "benchmark", {}, Keeping(every=every), lambda text: None) as keeper:
        keeper.look({"states": state}, 0)
        for chunk in range(1, num_chunks + 1):
            state, metrics = program(guarded, state)
            jax.block_until_ready(metrics)
            assert int(jnp.max(state.in_row)) == 0
            keeper.look({"states": state}, chunk)
    shutil.rmtree(folder)


def page(record: Record) -> list[str]:
    lines = ["# What it costs that a run survives", "", "## Guard and checkpoints beside the bare loop", ""]
    lines += ["| run | pairs | chunks a side | bare, seconds | slower by, median | least and most |", "|---|---:|---:|---:|---:|---:|"]
    for name, found in record["runs"].items():
        ratios = [100 * (kept / bare - 1) for kept, bare in zip(found["kept"], found["bare"], strict=True)]
        spread = f"{min(ratios):+.1f} to {max(ratios):+.1f} %"
        lines.append(
            f"| {name} | {len(ratios)} | {found['num_chunks']:,} | {median(found['bare']):.1f} | {median(ratios):+.1f} % | {spread} |"
        )
    lines += ["", "Asked: at most 3 % (median).", "", "## A checkpoint of ten million numbers (40 MB)", ""]
    lines += ["| what | seconds, median | least and most | times a raw write |", "|---|---:|---:|---:|"]
    raw = record["writes"]["raw"]
    for name, words in {
        "raw": "raw write, forced to the disk",
        "checkpoint": "checkpoint, forced to the disk, read back and compared",
        "read": "reading it, every hash checked",
    }.items():
        seconds = record["writes"][name]
        ratio = median(each / one for each, one in zip(seconds, raw, strict=True))
        lines.append(f"| {words} | {median(seconds):.3f} | {min(seconds):.3f} to {max(seconds):.3f} | {ratio:.1f} |")
    return [*lines, "", "Asked: at most three times a raw write (median of pairs)."]


if __name__ == "__main__":
    sys.exit(main())

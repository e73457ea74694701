"""What a sweep costs beside runs one after the other, and what many seeds need in memory: GAN-GCL on Pendulum, per step.

    python benchmarks/sweeps.py          # about ten minutes on a quiet machine
    python benchmarks/sweeps.py --table  # docs/results/sweeps.md, from the result file

Time: P learning rates in one program, against P calls of a program of one: the first compiles, the others have it at hand, as they do
in one process; and against P processes, each of which compiles. One thread; calls alternate, the least of several counts.

Memory is what XLA says of a compiled chunk of one iteration (``memory_analysis``): no measurement, and the same on a busy machine. Donating
the states would save ``aliased`` of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import ROOT, one_thread
from result_page import Record, ResultPage

one_thread()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import equinox as eqx  # noqa: E402
import jax  # noqa: E402

from triality.algorithms.guarded import Guarded  # noqa: E402
from triality.cli.experiment import build_algorithm, first_states_of, seeds_of, state_template  # noqa: E402
from triality.cli.irl import Plan, check  # noqa: E402
from triality.cli.options import IrlOptions  # noqa: E402
from triality.cli.rows import RunRows  # noqa: E402
from triality.run import over_settings, run  # noqa: E402
from triality.settings import one_setting, settings_of  # noqa: E402

POINTS = (1, 2, 4, 8, 16)
SEEDS = (1, 4, 16, 64, 256)
AT_ONCE = (None, 4)
ITERATIONS = 5


def main() -> int:
    result = ResultPage("sweeps", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=POINTS, help="learning rates in one program (default %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="whose memory is asked for (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of either (default %(default)s)")
    parser.add_argument("--rollouts", type=int, default=16, help="an iteration (default %(default)s)")
    return result.run(parser.parse_args())


def plan_of(rollouts: int, seeds: int) -> Plan:
    """A checked command."""
    demos = ROOT / "examples" / "pendulum_demos.npz"
    return check(IrlOptions("Pendulum-v1", demos, Path("unused"), level="step", num_demos=5, num_rollouts=rollouts, seeds=seeds))


def rows_of(plan: Plan, num_points: int) -> RunRows:
    """So many learning rates of the cost."""
    rates = [1e-4 * 1.5**index for index in range(num_points)]
    algorithms = [build_algorithm(replace(plan.options, cost_learning_rate=rate), plan.task) for rate in rates]
    names = tuple(f"cost_learning_rate={rate:.6g}" for rate in rates)
    return RunRows(settings_of(algorithms), names, seeds_of(plan.options))


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record: Record = {"rollouts": options.rollouts, "iterations": ITERATIONS, "time": [], "memory": []}
    for seeds in options.seeds:
        for at_once in AT_ONCE:
            if at_once is None or at_once < seeds:
                record["memory"].append(memory(options.rollouts, seeds, at_once))
                yield record
    for num_points in options.points:
        record["time"].append(times(options.rollouts, num_points, options.repeats))
        yield record


def memory(rollouts: int, seeds: int, at_once: int | None) -> dict[str, Any]:
    """Bytes of a chunk's program, with and without donated states."""
    plan = plan_of(rollouts, seeds)
    algorithm = build_algorithm(plan.options, plan.task)
    guarded = Guarded(algorithm)
    states = jax.eval_shape(jax.vmap(guarded.init), state_template(algorithm, plan.task, plan.options))
    shapes, static = eqx.partition(states, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    settings, mapped = one_setting(guarded), over_settings(lambda a, s: run(a, s, 1, 1)[:2], at_once)

    def chunk(arrays: Any) -> Any:
        return eqx.filter(mapped(settings, eqx.combine(arrays, static)), eqx.is_array)

    found: dict[str, Any] = {"seeds": seeds, "at_once": at_once}
    for name, donated in (("kept", ()), ("donated", (0,))):
        analysis = jax.jit(chunk, donate_argnums=donated).lower(shapes).compile().memory_analysis()
        fields = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes", "alias_size_in_bytes")
        found[name] = {field.removesuffix("_size_in_bytes"): getattr(analysis, field) for field in fields}
    return found


def times(rollouts: int, num_points: int, repeats: int) -> dict[str, Any]:
    """Seconds to compile and seconds a chunk, of all points in one program and of a program of one point."""
    plan = plan_of(rollouts, 1)
    together, alone = rows_of(plan, num_points), rows_of(plan, 1)
    sides = {name: prepared(plan, rows) for name, rows in (("together", together), ("alone", alone))}
    found: dict[str, Any] = {"points": num_points, "compile": {name: seconds for name, (seconds, _) in sides.items()}}
    calls: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, (_, call) in sides.items():
            calls[name].append(call())
    return found | {"chunk": calls}


def prepared(plan: Plan, rows: RunRows) -> tuple[float, Any]:
    """Seconds to compile, and a call of a chunk, which returns its seconds."""
    states = jax.vmap(Guarded(rows.algorithm).init)(first_states_of(rows, plan))
    program = over_settings(lambda a, s: run(a, s, ITERATIONS, 1)[:2])

    def call() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(program(rows.guarded, states)[1])
        return time.perf_counter() - begin

    first, second = call(), call()
    return first - second, call


def page(record: Record) -> list[str]:
    lines = [
        "# What a sweep costs",
        "",
        f"GAN-GCL per step, {record['rollouts']} roll-outs an iteration, chunks of {record['iterations']} iterations, one thread. "
        "P learning rates in one program, against P calls of a program of one.",
        "",
    ]
    if record["time"]:
        head = "| points | compile, s | a chunk, s | the same one after the other, s | ratio | one compilation each, s |"
        lines += [head, "|---:|---:|---:|---:|---:|---:|"]
    for each in record["time"]:
        together, alone = (min(each["chunk"][name]) for name in ("together", "alone"))
        serial, num = each["points"] * alone, each["points"]
        compile_each = num * (each["compile"]["alone"] + alone)
        lines.append(
            f"| {num} | {each['compile']['together']:.1f} | {together:.2f} | {serial:.2f} | {serial / together:.2f} | {compile_each:.1f} |"
        )
    lines += [
        "",
        "A ratio above one: the points in one program are faster. The last column: P processes, each compiles and computes a chunk.",
        "",
        "## Memory of many seeds",
        "",
        "Megabytes of a chunk's program, as XLA plans them. States are there before and after; what is between, for the seeds that "
        "are computed at once.",
        "",
        "| seeds | at once | states before | states after | between | together | saved if donated |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in record["memory"]:
        kept = {name: value / 1e6 for name, value in each["kept"].items()}
        total = kept["argument"] + kept["output"] + kept["temp"]
        donated = each["donated"]
        saved = total - (donated["argument"] + donated["output"] + donated["temp"] - donated["alias"]) / 1e6
        cells = [f"{kept[name]:,.0f}" for name in ("argument", "output", "temp")]
        at_once = each["at_once"] or each["seeds"]
        lines.append(f"| {each['seeds']} | {at_once} | {' | '.join(cells)} | {total:,.0f} | {saved:,.0f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())

"""How time and memory grow with samples, horizon, past samplers, dimension and states; each against the order that is stated for it.

    python benchmarks/growth.py                        # about ten minutes
    python benchmarks/growth.py --only horizon         # cases whose name or variable has the word; the others stay as recorded
    python benchmarks/growth.py --points 3 --out x.json  # to try it out
    python benchmarks/growth.py --table                # docs/results/growth.md and its figure, from the record

Each point is compiled anew, without a cache on disk, in float32 on one thread. Time is that of the processor, the median of repeats
after one call that is not counted: what else runs counts only by the caches that it takes. Memory is what XLA's plan of the program holds
between its arguments and its results, and the results: known before it runs, and the same every time. A slope is fitted on logarithmic
axes to the points that stand out from the smallest; the page says where one is above its order, and the script then ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from machine import one_thread
from result_page import PICTURES, Record, ResultPage, kept

one_thread()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
from growth_cases import CASES, Case  # noqa: E402
from growth_fit import judged  # noqa: E402
from growth_page import page, plot  # noqa: E402

LEAST_REPEATS, MOST_REPEATS = 3, 20
BUDGET = 1.0
"""Seconds of repeats a point, beyond the least number of them."""


def main() -> int:
    result = ResultPage("growth", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", help="cases whose name or variable has this word")
    parser.add_argument("--points", type=int, help="only so many sizes of each, the smallest, to try it out")
    parser.add_argument("--figure", type=Path, default=PICTURES / "growth.svg")
    options = parser.parse_args()
    result.run(options)
    record = kept(options.out)
    if options.table:
        plot(record, options.figure)
    return 1 if any(each["above"] for each in record["sweeps"].values()) else 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    chosen = [case for case in CASES if options.only is None or options.only in f"{case.name} {case.variable}"]
    if not chosen:
        raise SystemExit(
            f"expected a word of a case with --only, got {options.only}; the cases are {', '.join(case.name for case in CASES)}"
        )
    sweeps = kept(options.out).get("sweeps", {}) if options.only else {}
    for case in chosen:
        begin = time.perf_counter()
        sweeps[case.name] = sweep(case, options.points)
        print(f"{case.name}: {time.perf_counter() - begin:.0f} s {sweeps[case.name]['above'] or ''}", flush=True)
        yield {"sweeps": {each.name: sweeps[each.name] for each in CASES if each.name in sweeps}}


def sweep(case: Case, num_points: int | None) -> dict[str, Any]:
    """All sizes of a case, and its slopes."""
    sizes = case.sizes[:num_points]
    shown = [size**2 for size in sizes] if case.variable == "states" else list(sizes)
    points = [{"size": at} | point(case, size) for at, size in zip(shown, sizes, strict=True)]
    found = judged([float(at) for at in shown], points, case.order, case.memory_order, case.is_log_linear)
    jax.clear_caches()
    stated = {"variable": case.variable, "order": case.order, "memory_order": case.memory_order, "why": case.why}
    return {**stated, "is_log_linear": case.is_log_linear, "points": points, **found}


def point(case: Case, size: int) -> dict[str, Any]:
    """Seconds of the processor in each repeat, and bytes."""
    function, arguments = case.build(size)
    arrays, fixed = eqx.partition(arguments, eqx.is_array)
    of_arrays = jax.jit(lambda arrays: eqx.filter(function(*eqx.combine(arrays, fixed)), eqx.is_array))
    compiled = of_arrays.lower(arrays).compile()
    jax.block_until_ready(compiled(arrays))
    seconds: list[float] = []
    while len(seconds) < LEAST_REPEATS or (sum(seconds) < BUDGET and len(seconds) < MOST_REPEATS):
        begin = time.process_time()
        jax.block_until_ready(compiled(arrays))
        seconds.append(time.process_time() - begin)
    memory = compiled.memory_analysis()
    held = int(memory.temp_size_in_bytes + memory.output_size_in_bytes)
    print(f"  {case.name}, {case.variable} {size}: {1e3 * median(seconds):.3f} ms, {held / 2**20:.2f} MiB", flush=True)
    return {"seconds": seconds, "bytes": held}


if __name__ == "__main__":
    sys.exit(main())

"""Would half precision pay? A gradient of a perceptron in float32 and in bfloat16, at the sizes of costs, policies and energies.

    python benchmarks/half_precision.py          # two minutes
    python benchmarks/half_precision.py --table  # docs/results/half_precision.md from the record

Weights and the mean are float32 on both sides, as log-weights and log Z would have to be; what lies between is the one or the other. One
thread, in turn.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from machine import describe_machine, one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

NUM_INPUTS = 17
ROWS, HIDDEN = (256, 2400, 19200), (64, 256, 1024)
MOST_WORK = 1e10
"""Rows times weights of what is measured."""
PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def main() -> int:
    result = ResultPage("half_precision", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=21, help="timed gradients of either (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    machine, rows = describe_machine(), []
    for num, hidden in itertools.product(ROWS, HIDDEN):
        if num * hidden**2 <= MOST_WORK:
            rows.append({"rows": num, "hidden": hidden, "seconds": seconds(num, hidden, options.repeats)})
            yield {"machine": machine, "repeats": options.repeats, "rows": rows}


def seconds(num: int, hidden: int, repeats: int) -> dict[str, list[float]]:
    """Of each gradient, by precision."""
    sizes = [(NUM_INPUTS, hidden), (hidden, hidden), (hidden, 1)]
    *keys, key = jax.random.split(jax.random.key(0), 4)
    weights = [0.1 * jax.random.normal(each, size) for each, size in zip(keys, sizes, strict=True)]
    x = jax.random.normal(key, (num, NUM_INPUTS))
    programs = {name: gradient_in(precision) for name, precision in PRECISIONS.items()}
    found: dict[str, list[float]] = {name: [] for name in programs}
    for repeat in range(repeats + 2):
        for name, program in programs.items():
            begin = time.perf_counter()
            jax.block_until_ready(program(weights, x))
            if repeat > 1:
                found[name].append(time.perf_counter() - begin)
    return found


def gradient_in(precision: Any) -> Any:
    def loss(weights: list[Any], x: Any) -> Any:
        h = x.astype(precision)
        for weight in weights[:-1]:
            h = jnp.tanh(h @ weight.astype(precision))
        return jnp.mean((h @ weights[-1].astype(precision)).astype(jnp.float32) ** 2)

    return jax.jit(jax.grad(loss))


def page(record: Record) -> list[str]:
    lines = ["# Half precision", "", "| rows | hidden units | float32, ms | bfloat16, ms | times as fast |", "|---:|---:|---:|---:|---:|"]
    for row in record["rows"]:
        full, half = (1e3 * median(row["seconds"][name]) for name in PRECISIONS)
        ratios = sorted(a / b for a, b in zip(*(row["seconds"][name] for name in PRECISIONS), strict=True))
        middle = f"{median(ratios):.2f} ({ratios[len(ratios) // 4]:.2f} to {ratios[3 * len(ratios) // 4]:.2f})"
        lines.append(f"| {row['rows']:,} | 2 x {row['hidden']} | {full:.2f} | {half:.2f} | {middle} |")
    return [
        *lines,
        "",
        f"Gradient of a perceptron of {NUM_INPUTS} inputs and two hidden layers (tanh), medians of {record['repeats']}, one thread;",
        "middle half of the ratios in brackets. Weights, gradients and the mean are float32 on both sides.",
    ]


if __name__ == "__main__":
    sys.exit(main())

"""What rewards that know nothing ask for: steps alive under a constant discriminator, with and without an absorbing state.

    python benchmarks/survival_bias.py            # seconds
    python benchmarks/survival_bias.py --table    # docs/results/survival_bias.md from the result file

One choice a step, go on or end it. The discriminator says one half of everything, so there is nothing of any demonstration in its rewards;
what the soft-optimal policy does with them is the form of the reward alone. Exact, by dynamic programming.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.tabular.worlds.stay_alive import optimum_if_absorbing, optimum_if_ending, stay_alive, steps_alive  # noqa: E402

jax.config.update("jax_enable_x64", True)

HORIZON, TEMPERATURES = 50, (1.0, 0.1, 0.01)
LOG_ODDS = 0.0
REWARDS = {
    "$-\\log(1-D)=\\operatorname{softplus}(s)$": float(jax.nn.softplus(LOG_ODDS)),
    "$\\log D=-\\operatorname{softplus}(-s)$": -float(jax.nn.softplus(-LOG_ODDS)),
    "$\\log D-\\log(1-D)=s$": LOG_ODDS,
}
WAYS = {"the end ends the counting": optimum_if_ending, "the end is a state": optimum_if_absorbing}


def main() -> int:
    result = ResultPage("survival_bias", measure, page)
    return result.run(result.parser(__doc__).parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    del options
    world, rows = stay_alive(HORIZON), []
    for name, reward in REWARDS.items():
        for way, optimum in WAYS.items():
            alive = [float(steps_alive(world, optimum(world, reward, temperature))) for temperature in TEMPERATURES]
            rows.append({"reward": name, "value": reward, "way": way, "alive": alive})
    yield {"rows": rows, "uniform": float(steps_alive(world, jnp.log(jnp.full((2, 2), 0.5))))}


def page(record: Record) -> list[str]:
    lines = ["# Rewards that know nothing", ""]
    lines += [f"| reward of a step at $D=1/2$ | its value, nats | where | {' | '.join(f'temperature {t:g}' for t in TEMPERATURES)} |"]
    lines += [f"|---|---:|---|{'---:|' * len(TEMPERATURES)}"]
    for row in record["rows"]:
        lines.append(f"| {row['reward']} | {row['value']:.3f} | {row['way']} | {' | '.join(f'{alive:.2f}' for alive in row['alive'])} |")
    return [
        *lines,
        "",
        f"Expected steps alive, of {HORIZON}, under the soft-optimal policy; exact. A policy that tosses a coin lives",
        f"{record['uniform']:.2f} steps.",
        "One choice a step, to go on or to end it; a discriminator that has seen nothing. *Temperature*: the weight of the entropy in the",
        "policy's objective. Where nothing is counted after the end, the first reward keeps alive and the second ends it at once, or as",
        "soon as entropy lets it; with no reward at all entropy keeps alive. Where the end is a state like any other, no reward of this",
        "kind does anything.",
    ]


if __name__ == "__main__":
    sys.exit(main())

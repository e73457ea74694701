"""How fast roll-outs come from simulators on the host, beside ``mujoco.rollout``'s own closed loop in the same run.

    python benchmarks/collection_rate.py                        # HalfCheetah-v5, a few minutes
    python benchmarks/collection_rate.py --env Ant-v5
    python benchmarks/collection_rate.py --table                # docs/results/collection_rate.md from the record

A limit: ``mujoco.rollout`` open loop, all actions known beforehand. Its closed loop: one call a step of the environment, with the actions
of that step, in two threads, and nothing else: no policy, no reward, no observation. Ours: the batch alone, with observations, rewards
and ends; and the collector, with a policy of two layers of 64 asked at every step for actions and their densities. Pairs: within a repeat
all are measured one after the other, and a ratio is the median of the repeats' ratios.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage, kept

one_thread()

import jax  # noqa: E402
import mujoco  # noqa: E402
import mujoco.rollout  # noqa: E402

from triality.policies.gaussian import squashed_gaussian_policy  # noqa: E402
from triality.policies.scaling import identity_scaling  # noqa: E402
from triality.simulators.collector import Collector  # noqa: E402
from triality.simulators.endings import Absorbed  # noqa: E402
from triality.simulators.mujoco_batch import TASKS, MujocoBatch  # noqa: E402

SIZES = (16, 32, 64, 128, 256)
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
WAYS = ("rollout, open loop", "rollout, closed loop", "batch", "collector")


def main() -> int:
    result = ResultPage("collection_rate", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--env", nargs="+", default=["HalfCheetah-v5"], choices=list(TASKS), help="(default: HalfCheetah-v5)")
    parser.add_argument("--repeats", type=int, default=7, help="(default %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="of each simulator in a repeat (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record = kept(options.out)
    record.pop("machine", None)
    for env_id in options.env:
        record[env_id] = {}
        for num in SIZES:
            ways = {
                name: make(env_id, num, options.steps) for name, make in zip(WAYS, (open_loop, closed_loop, batch, collector), strict=True)
            }
            seconds: dict[str, list[float]] = {name: [] for name in WAYS}
            for repeat in range(options.repeats + 1):
                for name, run in ways.items():
                    start = time.perf_counter()
                    run()
                    if repeat > 0:  # the first compiles and warms up
                        seconds[name].append(time.perf_counter() - start)
            record[env_id][str(num)] = {name: [num * options.steps / each for each in times] for name, times in seconds.items()}
            print(env_id, num, {name: round(median(rates)) for name, rates in record[env_id][str(num)].items()}, flush=True)
            yield record


class Physics:
    """``mujoco.rollout`` from the starts of the environment."""

    def __init__(self, env_id: str, num: int):
        simulators = MujocoBatch(env_id, num)
        simulators.reset(list(range(num)))
        first = simulators._simulators[0]
        self.model, self.skip, self.num = first.model, first.frame_skip, num
        self.size = mujoco.mj_stateSize(self.model, FULL)
        self.start = np.zeros((num, self.size))
        for row, simulator in zip(self.start, simulators._simulators, strict=True):
            mujoco.mj_getState(self.model, simulator.data, row, FULL)
        threads = os.cpu_count() or 1
        self.pool, self.data = mujoco.rollout.Rollout(nthread=threads), [mujoco.MjData(self.model) for _ in range(threads)]
        self.actions = np.random.default_rng(0).uniform(-1, 1, (num, self.model.nu))

    def run(self, state: np.ndarray, num_steps: int) -> np.ndarray:
        """``num_steps`` physics steps under the same actions; the last states."""
        control = np.repeat(self.actions[:, None], num_steps, axis=1)
        out, sensors = np.empty((self.num, num_steps, self.size)), np.empty((self.num, num_steps, self.model.nsensordata))
        self.pool.rollout(
            [self.model] * self.num, self.data, state, control, skip_checks=True, nstep=num_steps, state=out, sensordata=sensors
        )
        return out[:, -1].copy()


def open_loop(env_id: str, num: int, steps: int) -> Any:
    physics = Physics(env_id, num)
    return lambda: physics.run(physics.start, physics.skip * steps)


def closed_loop(env_id: str, num: int, steps: int) -> Any:
    physics = Physics(env_id, num)

    def run() -> None:
        state = physics.start
        for _ in range(steps):
            state = physics.run(state, physics.skip)

    return run


def batch(env_id: str, num: int, steps: int) -> Any:
    simulators, running = MujocoBatch(env_id, num), np.ones(num, bool)
    actions = np.random.default_rng(0).uniform(-1, 1, (num, simulators.spec.action_size))

    def run() -> None:
        simulators.reset(list(range(num)))
        for _ in range(steps):
            simulators.step(actions, running)

    return run


def collector(env_id: str, num: int, steps: int) -> Any:
    collecting = Collector(MujocoBatch(env_id, num), horizon=steps, ending=Absorbed())
    policy = squashed_gaussian_policy(jax.random.key(0), collecting.spec, identity_scaling(collecting.spec.observation_size))
    return lambda: collecting.collect(jax.random.key(1), policy, num).reward.block_until_ready()


def page(record: Record) -> list[str]:
    lines = [
        "# Roll-outs from simulators on the host",
        "",
        "Environment steps a second, median of the repeats; least and greatest ratio behind it.",
        "",
    ]
    for env_id in (name for name in record if name != "machine"):
        lines += [
            f"## {env_id}",
            "",
            "| simulators | " + " | ".join(WAYS) + " | collector over closed loop |",
            "|---:|" + "---:|" * (len(WAYS) + 1),
        ]
        for num, rates in record[env_id].items():
            ratios = [ours / theirs for ours, theirs in zip(rates["collector"], rates["rollout, closed loop"], strict=True)]
            shown = " | ".join(f"{median(rates[name]):,.0f}" for name in WAYS)
            lines.append(f"| {num} | {shown} | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")
        lines.append("")
    return [
        *lines,
        "*Batch*: all simulators stepped, with observations, rewards and ends; *collector*: the same with a policy, two layers of 64",
        "for the mean and for the scale, asked at every step. `mujoco.rollout` computes neither observations nor rewards, and loses the",
        "solver's warm start between two steps, so that its states differ from Gymnasium's; ours are Gymnasium's, bit for bit.",
    ]


if __name__ == "__main__":
    sys.exit(main())

"""What actors of Ray give, and what is lost when they are killed, beside the collector in this process on the same cores.

    python benchmarks/remote_collection.py                 # HalfCheetah-v5, about five minutes on two cores
    python benchmarks/remote_collection.py --quick         # a minute, to see that it works; no figures
    python benchmarks/remote_collection.py --table         # docs/results/remote_collection.md from the record

Rates: batches of whole episodes from one in-process collector, whose simulators are stepped in two threads and whose policy is a compiled
call, and from two actors with half of the simulators, one thread and a numpy policy each. Pairs: in each repeat one after the other, and a
ratio is the median of the repeats' ratios. Overlap: iterations whose update is a wait as long as the collecting takes, as on a machine of
its own. Kills: every few seconds an actor is ended by SIGKILL while batches are collected a policy ahead; all that is handed over is then
evaluated again under the policy that it names, in jax.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402

from triality.policies.gaussian import SquashedGaussianPolicy, squashed_gaussian_policy  # noqa: E402
from triality.policies.scaling import identity_scaling  # noqa: E402
from triality.remote.crew import Crew  # noqa: E402
from triality.remote.delayed_collector import DelayedCollector  # noqa: E402
from triality.remote.ray_actors import RayActors  # noqa: E402
from triality.remote.remote_collector import RemoteCollector  # noqa: E402
from triality.remote.sending import sent  # noqa: E402
from triality.remote.sent_policy import Label  # noqa: E402
from triality.simulators.collector import Collector  # noqa: E402
from triality.simulators.endings import Padded  # noqa: E402
from triality.simulators.mujoco_batch import MujocoBatch  # noqa: E402
from triality.specs import MUJOCO_SPECS  # noqa: E402
from triality.trajectory import Trajectory, action_log_probs  # noqa: E402

ENV, ACTORS = "HalfCheetah-v5", 2
SPEC = MUJOCO_SPECS[ENV]
SIZES = (16, 64)
NEAR_BOUND = 1e-3
"""Share of the half box within which an action of single precision no longer says where it came from."""
WAYS = ("in process", "actors")


def main() -> int:
    result = ResultPage("remote_collection", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="of a pair (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the kills (default %(default)s)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two kills (default %(default)s)")
    parser.add_argument("--horizon", type=int, default=SPEC.time_limit, help="steps of an episode (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="short episodes, few repeats, three kills")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.seconds, options.every, options.horizon = 1, 12.0, 4.0, 100
    return result.run(options)


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record: Record = {"env": ENV, "actors": ACTORS, "horizon": options.horizon, "rates": {}}
    for num in SIZES:
        record["rates"][str(num)] = rates(num, options)
        yield record
    record["overlap"] = overlap(SIZES[0], options)
    yield record
    record["sizes"] = sizes(SIZES[0], options.horizon)
    record["kills"] = kills(SIZES[0], options)
    yield record


def policy(index: int) -> SquashedGaussianPolicy:
    """One after the other, each a little elsewhere, as after an update."""
    made = squashed_gaussian_policy(jax.random.key(0), SPEC, identity_scaling(SPEC.observation_size))
    moved = jax.tree.map(lambda leaf: leaf + 0.02 * jax.random.normal(jax.random.key(index), leaf.shape), (made.mean, made.log_scale))
    return SquashedGaussianPolicy(*moved, made.scaling, made.center, made.half_width)


def actors(num: int, horizon: int, max_restarts: int = 0) -> RemoteCollector:
    rows = num // ACTORS
    crew = Crew(RayActors(partial(MujocoBatch, ENV, rows, 1), ACTORS, horizon, Padded()), rows, max_restarts)
    return RemoteCollector(crew, SPEC, horizon)


def rates(num: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Steps a second of each way, repeat by repeat; the first of each is not counted."""
    ways = dict(zip(WAYS, (Collector(MujocoBatch(ENV, num), options.horizon), actors(num, options.horizon)), strict=True))
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(options.repeats + 1):
        of = policy(repeat)
        for name, collector in ways.items():
            seconds = timed(lambda c=collector, r=repeat, of=of: c.collect(jax.random.key(r), of, num).reward.block_until_ready())
            if repeat > 0:
                found[name].append(num * options.horizon / seconds)
    for collector in ways.values():
        collector.close()
    print(num, {name: round(median(each)) for name, each in found.items()}, flush=True)
    return found


def overlap(num: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of an iteration whose update is a wait, in step with the actors and a policy behind."""
    collector = actors(num, options.horizon)
    late = DelayedCollector(collector, 1)
    collector.collect(jax.random.key(0), policy(0), num)
    policies = [policy(index) for index in range(2 + 2 * options.repeats)]
    wait = median(timed(lambda r=r: collector.collect(jax.random.key(r), policies[r], num)) for r in range(3))
    found: dict[str, Any] = {"update": wait}
    for name, collect in {
        "in step": lambda index: collector.collect(jax.random.key(index), policies[index], num),
        "ahead": lambda index: late.collect(jax.random.key(index), policies[index], num, Label(0, index)),
    }.items():
        spent = []
        for index in range(len(policies)):
            begin = time.perf_counter()
            collect(index)
            time.sleep(wait)
            spent.append(time.perf_counter() - begin)
        found[name] = spent[2:]
    found["stale"] = collector.counts.stale
    collector.close()
    print({name: value if isinstance(value, float | int) else median(value) for name, value in found.items()}, flush=True)
    return found


def sizes(num: int, horizon: int) -> dict[str, int]:
    """Bytes of an iteration: a policy to each machine, and all roll-outs back."""
    collector = Collector(MujocoBatch(ENV, 1), 1)
    batch = collector.collect(jax.random.key(0), policy(0), 1)
    collector.close()
    of_last = batch.observation[0, -1].nbytes
    of_step = sum(leaf.nbytes for leaf in jax.tree.leaves(batch._replace(start=None))) - of_last
    return {"policy": sent(policy(0), SPEC, Label(0, 0)).num_bytes, "roll-outs": num * (horizon * of_step + of_last)}


def kills(num: int, options: argparse.Namespace) -> dict[str, Any]:
    """What was handed over, lost, too late, and wrong, while a killer is about."""
    most = int(options.seconds / options.every) + 1
    collector = actors(num, options.horizon, max_restarts=most)
    late, stop, victims = DelayedCollector(collector, 1), threading.Event(), []

    def killer() -> None:
        draw = random.Random(0)
        while not stop.wait(options.every):
            alive = sorted(pid for pid in collector.crew.processes.values() if pid not in victims)
            if alive:
                victims.append(draw.choice(alive))
                os.kill(victims[-1], signal.SIGKILL)

    late.collect(jax.random.key(0), policy(0), num, Label(0, 0))
    thread = threading.Thread(target=killer, daemon=True)
    begin, index, checks = time.perf_counter(), 1, Checks()
    thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        while time.perf_counter() - begin < options.seconds:
            checks.look_at(late.collect(jax.random.key(index), policy(index), num, Label(0, index)), index)
            index += 1
        stop.set()
        thread.join()
        checks.look_at(late.collect(jax.random.key(index), policy(index), num, Label(0, index)), index)
    seconds, counts = time.perf_counter() - begin, collector.counts._asdict()
    collector.close()
    found = {"seconds": seconds, "kills": len(victims), "batches": index, "in_errand": num // ACTORS} | counts | checks.found()
    print(found, flush=True)
    return found


class Checks:
    """Log-probabilities of what was handed over, once more, under the policy of its index and, for comparison, of the moment."""

    def __init__(self) -> None:
        self.num, self.late, self.worst, self.worst_of_now, self.ragged = 0, 0, 0.0, np.inf, 0
        self._again = jax.jit(lambda policy, batch: jax.vmap(lambda one: action_log_probs(policy, one))(batch))

    def look_at(self, batch: Trajectory, now: int) -> None:
        drawn_by = np.asarray(batch.policy)
        plain = batch._replace(policy=None)
        clear = np.all(np.abs(np.asarray(batch.action)) < 1 - NEAR_BOUND, axis=-1)
        self.ragged += int(np.sum(~np.asarray(batch.mask)))
        self.num += len(drawn_by)
        of_now = self._distance(policy(now), plain, clear)
        for index in set(drawn_by.tolist()):
            mine = drawn_by == index
            self.worst = max(self.worst, float(self._distance(policy(index), plain, clear)[mine].max()))
            if index != now:
                self.late += int(mine.sum())
                self.worst_of_now = min(self.worst_of_now, float(of_now[mine].min()))

    def found(self) -> dict[str, Any]:
        return {
            "checked": self.num,
            "of_earlier": self.late,
            "missing_steps": self.ragged,
            "worst": self.worst,
            "least_of_now": self.worst_of_now,
        }

    def _distance(self, of: SquashedGaussianPolicy, batch: Trajectory, clear: np.ndarray) -> np.ndarray:
        """Of each roll-out, the largest over steps whose action is off the bound."""
        return np.where(clear, np.abs(np.asarray(self._again(of, batch)) - np.asarray(batch.log_prob)), 0.0).max(axis=1)


def timed(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def page(record: Record) -> list[str]:
    lines = [
        "# Roll-outs from actors",
        "",
        f"{record['env']}, episodes of {record['horizon']:,} steps; {record['actors']} actors of Ray, one core each, on the "
        "learner's machine. How they work is told in [Simulators on many machines](../remote.md).",
        "",
        "## Rates",
        "",
        "Environment steps a second, median of repeats. The collector in process steps its simulators in two threads, asks a compiled",
        "policy; each actor steps half of them in one thread and asks the same policy in numpy.",
        "",
        "| simulators | in process | actors | actors over in process (least to greatest) |",
        "|---:|---:|---:|---:|",
    ]
    for num, found in record["rates"].items():
        ratios = [theirs / ours for ours, theirs in zip(*(found[name] for name in WAYS), strict=True)]
        shown = " | ".join(f"{median(found[name]):,.0f}" for name in WAYS)
        lines.append(f"| {num} | {shown} | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")
    return [*lines, *_overlap_lines(record), *_kill_lines(record)]


def _overlap_lines(record: Record) -> list[str]:
    found, size = record["overlap"], record["sizes"]
    return [
        "",
        "## Collecting during the update",
        "",
        f"{SIZES[0]} roll-outs an iteration; the update is a wait of {found['update']:.2f} s, as long as collecting takes, as if it ran",
        f"on a machine of its own. An iteration takes {median(found['in step']):.2f} s in step and {median(found['ahead']):.2f} s with",
        f"`--max-staleness 1`; {found['stale']} roll-outs came too late.",
        "",
        f"An iteration sends {size['policy']:,} bytes of policy to each machine and {size['roll-outs']:,} bytes of roll-outs back.",
    ]


def _kill_lines(record: Record) -> list[str]:
    found = record["kills"]
    rows = {
        "kills, by SIGKILL": found["kills"],
        "actors that took the place of another": found["restarts"],
        "roll-outs played": found["played"],
        "lost, under way in an actor that was killed": found["lost"],
        "most that so many kills may cost": found["kills"] * found["in_errand"],
        "thrown away as too old": found["stale"],
        "handed over and checked": found["checked"],
        "of these, by an earlier policy than the one of the moment": found["of_earlier"],
        "steps missing in them": found["missing_steps"],
        "largest difference of a log-probability from jax, policy of its index, nats": f"{found['worst']:.1e}",
        "the least of the largest, where the policy of the moment is taken instead": f"{found['least_of_now']:.1e}",
    }
    return [
        "",
        "## Kills",
        "",
        f"For {found['seconds']:.0f} s an actor was killed every few seconds, batches of {SIZES[0]} being collected a policy ahead.",
        "",
        "| | |",
        "|---|---:|",
        *(f"| {name} | {value if isinstance(value, str) else format(value, ',')} |" for name, value in rows.items()),
        "",
        "Actions within a thousandth of the bound are left out of the differences: in single precision they no longer say where the squash",
        "took them from.",
    ]


if __name__ == "__main__":
    sys.exit(main())

"""What one iteration of GAN-GCL costs, against roll-outs, horizon and past samplers: Pendulum, whole trajectories from matched starts.

    python benchmarks/iteration_cost.py          # a few minutes
    python benchmarks/iteration_cost.py --table  # docs/results/iteration_cost.md and its figure, from the result file

Compiled, after warm-up, one thread; the median of several iterations. An iteration is everything: roll-outs, densities of the past
samplers, log Z, three cost steps, and the policy update with its 4 passes. The demonstrations here are roll-outs of a random policy, so
that they exist at every horizon; what they show does not change what an iteration costs.
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

from triality.algorithms.guided_cost import GanGcl  # noqa: E402
from triality.algorithms.levels import MatchedTrajectories  # noqa: E402
from triality.envs.pendulum import Pendulum  # noqa: E402
from triality.policies.gaussian import squashed_gaussian_policy  # noqa: E402
from triality.policies.scaling import identity_scaling  # noqa: E402
from triality.runs.report.palette import DATA, DRAWN, INK, RULE  # noqa: E402
from triality.trajectory import Trajectory, rollout  # noqa: E402

NUM_DEMOS = 8
SETTING = {"rollouts": 96, "horizon": 200, "past_samplers": 1}
SWEEPS = {
    "rollouts": (24, 48, 96, 192, 384, 768),
    "horizon": (25, 50, 100, 200, 400, 800),
    "past_samplers": (1, 2, 4, 8, 16),
}
LABELS = {"rollouts": "roll-outs an iteration", "horizon": "horizon (steps)", "past_samplers": "past samplers, K"}


def main() -> int:
    result = ResultPage("iteration_cost", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="timed iterations a point (default %(default)s)")
    parser.add_argument("--sweeps", nargs="+", default=list(SWEEPS), choices=list(SWEEPS), help="default: all")
    parser.add_argument("--points", type=int, help="only the first of each sweep, to try it out")
    parser.add_argument("--figure", type=Path, default=PICTURES / "iteration_cost.svg")
    options = parser.parse_args()
    result.run(options)
    if options.table:
        plot(kept(options.out), options.figure)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    sweeps: dict[str, list[Record]] = {}
    for name in options.sweeps:
        sweeps[name] = [_measure(name, value, options.repeats) for value in SWEEPS[name][: options.points]]
        yield {"setting": SETTING, "num_demos": NUM_DEMOS, "repeats": options.repeats, "sweeps": sweeps}


def _measure(name: str, value: int, repeats: int) -> dict[str, Any]:
    """One point: seconds of whole iterations, and of the roll-outs alone."""
    setting = {**SETTING, name: value}
    free = setting["rollouts"] // 3
    algorithm = GanGcl(Pendulum(), MatchedTrajectories(setting["rollouts"] - free, free, setting["past_samplers"]))
    state = eqx.filter_jit(lambda key: algorithm.init(key, _demonstrations(setting["horizon"])))(jax.random.key(0))
    begin = time.perf_counter()
    step = eqx.filter_jit(lambda state: algorithm.step(state)[0]).lower(state).compile()
    compiled = time.perf_counter() - begin
    collect = eqx.filter_jit(lambda state: algorithm.collect(state.key, state))
    for _ in range(setting["past_samplers"] + 1):  # until the buffer is full
        state = jax.block_until_ready(step(state))
    drawn = int(jax.block_until_ready(collect(state)).mask.size)
    whole, rollouts = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        state = jax.block_until_ready(step(state))
        middle = time.perf_counter()
        jax.block_until_ready(collect(state))
        whole.append(middle - begin)
        rollouts.append(time.perf_counter() - middle)
    point = {**setting, "env_steps": drawn, "compile_seconds": compiled, "seconds": whole, "rollout_seconds": rollouts}
    print(f"{name} {value}: {median(whole) * 1e3:.1f} ms an iteration, compiled in {compiled:.1f} s", flush=True)
    return point


def _demonstrations(horizon: int) -> Trajectory:
    env = Pendulum()
    policy = squashed_gaussian_policy(jax.random.key(1), env.spec, identity_scaling(env.spec.observation_size))
    batch = jax.vmap(lambda key: rollout(key, env, policy, horizon))(jax.random.split(jax.random.key(2), NUM_DEMOS))
    return batch._replace(start=jax.numpy.arange(NUM_DEMOS))


def plot(record: dict[str, Any], path: Path) -> None:
    """One panel a sweep, both axes logarithmic: median, and the range as a band."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import ScalarFormatter

    plt.rcParams.update({"svg.hashsalt": "triality", "font.size": 9, "text.color": INK.light, "axes.labelcolor": INK.light})
    sweeps = record["sweeps"]
    figure, panels = plt.subplots(1, len(sweeps), figsize=(3.4 * len(sweeps), 3.1), sharey=True, squeeze=False)
    for panel, (name, points) in zip(panels[0], sweeps.items(), strict=True):
        at = [point[name] for point in points]
        for field, label, shades, marker in (("seconds", "iteration", DRAWN, "o"), ("rollout_seconds", "its roll-outs alone", DATA, "s")):
            times = [point[field] for point in points]
            panel.plot(at, [median(each) for each in times], color=shades.light, marker=marker, markersize=4, label=label)
            panel.fill_between(at, [min(each) for each in times], [max(each) for each in times], color=shades.light, alpha=0.2, linewidth=0)
        panel.set(xscale="log", yscale="log", xlabel=LABELS[name], xticks=at)
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.minorticks_off()
        panel.grid(True, color=RULE.light, linewidth=0.6)
        fixed = ", ".join(f"{LABELS[other].split(' (')[0]} {value}" for other, value in record["setting"].items() if other != name)
        panel.set_title(fixed, fontsize=7)
    panels[0][0].set_ylabel("time an iteration (seconds)")
    panels[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def page(record: Record) -> list[str]:
    """One line a point."""
    lines = ["# What an iteration costs", "", "![Cost of an iteration](../_static/iteration_cost.svg)", ""]
    lines += ["| roll-outs | horizon | past samplers | iteration, ms | range | roll-outs alone, ms | env steps/s |", f"|{'---:|' * 7}"]
    for point in (point for points in record["sweeps"].values() for point in points):
        times = [1e3 * each for each in point["seconds"]]
        speed = point["env_steps"] / median(point["seconds"])
        cells = [str(point[name]) for name in SETTING]
        cells += [
            f"{median(times):.1f}",
            f"{min(times):.1f} to {max(times):.1f}",
            f"{1e3 * median(point['rollout_seconds']):.1f}",
            f"{speed:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = record["machine"]
    where = f"one thread, load average at the start {machine['load_average'][0]:.1f}, jax {machine['packages']['jax']}"
    return [*lines, "", f"Medians of {record['repeats']}; {where}."]


if __name__ == "__main__":
    sys.exit(main())

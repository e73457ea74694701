"""Experts whose density is known: is the discriminator calibrated, is log Z zero, is the learned cost minus the log density?

    python benchmarks/known_densities.py             # about ten minutes of two idle cores; goes on where it was interrupted
    python benchmarks/known_densities.py --table     # docs/results/known_densities.md from the record

The demonstrations of HalfCheetah-v5 and Hopper-v5 were drawn by stochastic Gaussian policies whose weights are known, and hold the log
density of each action before the simulator clips it. With c = -log pi_E the model is the expert: log Z = 0, and the best discriminator is
pi_E/(pi_E + nu q) of whole trajectories, for every q. Policies at graded distance from the expert are rolled out; for those that scale its
noise or move its mean, the law of log pi_E - log q is known in closed form (``known_experts``). Costs are then learned per step and held
against log pi_E on demonstrations that trained nothing (``known_costs``). Roll-outs are kept under runs/known_densities.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, one_thread
from result_page import Record, ResultPage, kept

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from known_costs import learned_costs, steps_judged  # noqa: E402
from known_densities_page import page  # noqa: E402
from known_experts import Perturbed, exact, laws, log_density, read_expert  # noqa: E402
from known_rollouts import ATOMS, CLIPPED, RAW, cloned, demonstrations, ratios, recorded, rolled, until  # noqa: E402

from triality.data.trajectories import to_trajectories  # noqa: E402
from triality.metrics.calibration import calibration  # noqa: E402
from triality.partition.alarm import judged, three_way_alarm, verdict  # noqa: E402
from triality.partition.estimate import Estimate  # noqa: E402
from triality.specs import MUJOCO_SPECS  # noqa: E402

CLONE = "cloned from 20 demonstrations"
BLOCK = 50
"""Demonstrations that there are, and as many draws."""
NUM_BINS = 10
CLONING_STEPS = 6000


class Task(NamedTuple):
    """One environment.

    Fields:
        batches: roll-outs of each policy, (number, horizon).
        horizons: at which trajectories are cut.
        policies: (factor of the noise, distance of the mean) by name; None for the clone.
    """

    batches: tuple[tuple[int, int], ...]
    horizons: tuple[int, ...]
    policies: dict[str, tuple[float, float] | None]


TASKS = {
    "HalfCheetah-v5": Task(
        ((1500, 50), (200, 200), (50, 1000)),
        (10, 50, 200, 1000),
        {
            "mean moved by 0.05": (1.0, 0.05),
            "noise times 1.02": (1.02, 0.0),
            "mean moved by 0.2": (1.0, 0.2),
            "noise times 1.1": (1.1, 0.0),
            "noise times 0.9": (0.9, 0.0),
            CLONE: None,
        },
    ),
    "Hopper-v5": Task(((500, 50), (100, 200), (50, 1000)), (10, 50, 200, 1000), {"mean moved by 0.05": (1.0, 0.05)}),
}


def main() -> int:
    result = ResultPage("known_densities", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "data", help="of the experts (default %(default)s)")
    parser.add_argument("--rollouts", type=Path, default=ROOT / "runs" / "known_densities", help="kept there (default %(default)s)")
    parser.add_argument("--iterations", type=int, default=40, help="of a learned policy (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record = kept(options.out)
    for env_id, task in TASKS.items():
        record.setdefault("tasks", {}).setdefault(env_id, {"policies": {}})
        yield from (record for _ in of_task(env_id, task, record["tasks"][env_id], options))
    for _ in learned_costs(record.setdefault("costs", {}), clone_of("HalfCheetah-v5", options), options):
        yield record


def clone_of(env_id: str, options: argparse.Namespace) -> Any:
    data = to_trajectories(demonstrations(env_id, options.folder).select(20, 0), MUJOCO_SPECS[env_id].time_limit)
    return cloned(env_id, data, CLONING_STEPS, options.rollouts / f"{env_id}_clone.eqx")


def of_task(env_id: str, task: Task, found: dict[str, Any], options: argparse.Namespace) -> Iterator[None]:
    """Fills ``found``, a policy at a time."""
    expert, given = read_expert(env_id, options.folder), recorded(env_id, options.folder)
    fresh = rolled(env_id, expert, task.batches, options.rollouts / f"{env_id}_expert", 0)
    found["expert"] = of_expert(env_id, options.folder, fresh[-1].reward.sum(1))
    for seed, (name, known) in enumerate(task.policies.items(), start=1):
        if name in found["policies"]:
            continue
        q = clone_of(env_id, options) if known is None else Perturbed(expert, *known)
        drawn = rolled(env_id, q, task.batches, options.rollouts / f"{env_id}_{name.replace(' ', '_')}", seed)
        on_data, on_drawn = ratios([given, *fresh], expert, q), ratios(drawn, expert, q)
        size = MUJOCO_SPECS[env_id].action_size
        each = {"divergence": float(on_data[0].divergence.sum() / given.mask.sum()), "returns": summary(drawn[-1].reward.sum(1))}
        each["horizons"] = {
            str(horizon): at_horizon(on_data, on_drawn, horizon, None if known is None else (*known, size)) for horizon in task.horizons
        }
        each["blocks"] = {str(horizon): in_blocks(on_data, on_drawn, horizon) for horizon in task.horizons}
        each["steps"] = steps_judged(expert, q, given, drawn[-1]) if env_id == "HalfCheetah-v5" else None
        found["policies"][name] = each
        yield


def of_expert(env_id: str, folder: Path, fresh_returns: np.ndarray) -> dict[str, Any]:
    """That the weights are those of the demonstrations, and how far their actions lie outside of the box."""
    stored = demonstrations(env_id, folder)
    assert stored.log_prob is not None, "the files hold log_prob"
    again = log_density(laws(read_expert(env_id, folder), jnp.asarray(stored.observations)), stored.actions.astype(np.float64))
    outside = np.abs(stored.actions) > 1.0
    return {
        "error": float(np.abs(again - stored.log_prob).max()),
        "outside": float(outside.mean()),
        "outside_some": float(outside.any(1).mean()),
        "log_prob": [float(stored.log_prob.mean()), float(stored.log_prob.std())],
        "returns": [summary(stored.returns()), summary(fresh_returns)],
        "lengths": [int(stored.lengths.min()), int(stored.lengths.max())],
    }


def summary(values: np.ndarray) -> list[float]:
    """Mean and its standard error."""
    return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))]


def at_horizon(on_data: Any, on_drawn: Any, horizon: int, known: tuple[float, float, int] | None) -> dict[str, Any]:
    """All estimates and the calibration of D at log Z = 0, for the three measures."""
    cells = {}
    for measure_ in (RAW, CLIPPED, ATOMS):
        data, drawn = until(on_data, measure_, horizon), until(on_drawn, measure_, horizon)
        alarm = padded_alarm(data, drawn, 2000, 2000)
        cells[measure_] = {
            "counts": [len(data), len(drawn)],
            "log_weight": [*summary(data), *summary(drawn)],
            "importance": shown(alarm.forward),
            "acceptance ratio": shown(alarm.symmetric),
            "reciprocal": shown(alarm.reciprocal),
            "share": float(alarm.forward.diagnostics.ess) / len(drawn),
            "overlap": float(alarm.symmetric.diagnostics.overlap),
            "pareto_k": float(alarm.forward.diagnostics.pareto_k),
            "verdict": verdict(alarm).split(":")[0],
            "calibration": calibrated(data, drawn),
        }
    if known is not None:
        counts = cells[RAW]["counts"]
        cells["exact"] = exact(known[0], known[1], known[2], horizon, counts[1] / counts[0])._asdict()
    return cells


def in_blocks(on_data: Any, on_drawn: Any, horizon: int) -> list[list[float]]:
    """Disjoint blocks of 50 demonstrations and 50 draws: effective samples, verdict, and which 95 % intervals hold log Z = 0."""
    data, drawn = until(on_data, RAW, horizon), until(on_drawn, RAW, horizon)
    rows = []
    for first in range(0, min(len(data), len(drawn)) - BLOCK + 1, BLOCK):
        alarm = padded_alarm(data[first : first + BLOCK], drawn[first : first + BLOCK], BLOCK, BLOCK)
        holds = [float(abs(each.value) <= 1.96 * each.stderr) for each in (alarm.forward, alarm.symmetric, alarm.reciprocal)]
        rows.append([float(alarm.effective_samples), int(judged(alarm)), *holds])
    return rows


@jax.jit
def _alarm(data: jax.Array, drawn: jax.Array, weight_data: jax.Array, weight_drawn: jax.Array) -> Any:
    return three_way_alarm(data, drawn, weight_data, weight_drawn)


def padded_alarm(data: np.ndarray, drawn: np.ndarray, num_data: int, num_drawn: int) -> Any:
    """The alarm, of arrays of one shape whatever is given, so that it is compiled once."""
    sides = [np.pad(each, (0, num - len(each))) for each, num in ((data, num_data), (drawn, num_drawn))]
    weights = [np.where(np.arange(num) < len(each), 0.0, -np.inf) for each, num in ((data, num_data), (drawn, num_drawn))]
    return _alarm(*(jnp.asarray(each, float) for each in (*sides, *weights)))


def shown(estimate: Estimate) -> list[float]:
    return [float(estimate.value), float(estimate.stderr)]


def calibrated(data: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """Of D at log Z = 0, and what the expected error is by chance where D is the truth: mean and 95 % quantile of 400 draws of labels."""
    found = calibration(jnp.asarray(data), jnp.asarray(drawn), NUM_BINS)
    log_odds = np.sort(np.concatenate([data, drawn])) - np.log(len(drawn) / len(data))
    likely = 1.0 / (1.0 + np.exp(-log_odds))
    labels = np.random.default_rng(0).random((400, len(likely))) < likely
    bins = np.arange(len(likely)) * NUM_BINS // len(likely)
    apart = np.stack([np.bincount(bins, likely - label, NUM_BINS) for label in labels])
    by_chance = np.abs(apart).sum(1) / len(likely)
    return {
        "error": float(found.expected_error),
        "by_chance": [float(by_chance.mean()), float(np.quantile(by_chance, 0.95))],
        "brier": float(found.brier),
        "log_loss": float(found.log_loss),
        "curve": [[float(value) for value in row] for row in zip(found.predicted, found.observed, found.low, found.high, strict=True)],
    }


if __name__ == "__main__":
    sys.exit(main())

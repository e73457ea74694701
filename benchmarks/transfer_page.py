"""The page of ``transfer.py``: what fresh policies earn in the changed world, from the record alone."""

from __future__ import annotations

import numpy as np
from result_page import Record

from triality.data.reference_returns import RANDOM_RETURNS
from triality.interquartile_mean import interquartile_mean

RANDOM = RANDOM_RETURNS["PointMazeShifted-v0"].mean
NAMES = {
    "airl-state": "AIRL, cost of the state; starts anywhere",
    "airl-state-third": "AIRL, cost of the state; starts anywhere; fresh policies at a third of the temperature",
    "airl-state-narrow": "AIRL, cost of the state; starts below the barrier as published",
    "gan-gcl-step": "GAN-GCL, steps, cost of the state; starts anywhere",
    "airl-state-action": "AIRL, cost of state and action; starts anywhere",
    "gail": "GAIL, the cost its discriminator implies; starts anywhere",
    "gan-gcl-trajectory": "GAN-GCL, trajectories, cost of the state; starts anywhere",
    "gan-gcl-trajectory-third": "the same; fresh policies at a third of the temperature",
}
PUBLISHED = {"airl-state-narrow": -8.82, "gan-gcl-trajectory": -41.8}
PUBLISHED_TRUTH = -8.45


def page(record: Record) -> list[str]:
    """A row a method and length, the published return beside it."""
    truth = _iqm(record["truth"])
    lines = ["# Rewards in a changed world", ""]
    lines += ["| cost | iterations | demonstrations | own policy | fresh policies there | normalized, IQM (each seed) | published |"]
    lines += ["|---|---:|---:|---:|---:|---|---:|"]
    for name in (name for name in NAMES if name in record["rows"]):
        for length, row in record["rows"][name].items():
            published = f"{PUBLISHED[name]:g}" if name in PUBLISHED else "-"
            own = (f"{row['demonstrations']:.1f}", f"{_iqm(row['own']):.1f}")
            cells = (_name(name, row), length, *own, f"{_iqm(row['returns']):.1f}", _shares(row["returns"], truth), published)
            lines.append(f"| {' | '.join(cells)} |")
    for name, returns, published in (
        ("constant cost (control)", record["constant"], "-"),
        ("the true reward", record["truth"], f"{PUBLISHED_TRUTH:g}"),
    ):
        lines.append(f"| {name} | - | - | - | {_iqm(returns):.1f} | {_shares(returns, truth)} | {published} |")
    return [*lines, "", *_notes(record)]


def _name(name: str, row: Record) -> str:
    """With the seeds of learning, where they are not the first ones."""
    first = row.get("first_seed", 0)
    return f"{NAMES[name]}; seeds {first} to {first + len(row['returns']) - 1}" if first else NAMES[name]


def _notes(record: Record) -> list[str]:
    return [
        f"{len(record['truth'])} seeds. Learned from {record['num_demos']} demonstrations with the barrier's opening on the left; fresh",
        f"policies are trained on that cost alone for {record['policy_iterations']} iterations of {record['num_rollouts']} roll-outs",
        "in the shifted maze, where the opening is on the right and half as wide. They practice with starts anywhere in it and are judged",
        "from below the barrier, by the true return of their mean action over 100 episodes. *A third of the temperature*: as if the",
        "learned cost were three times as large. That of the policies for the true reward is 0.1, and those of the others 1, GAIL's 0.",
        f"Normalized: 0 is the return of random actions, {RANDOM:.1f}, and 1 that of policies trained there on",
        f"the true reward, by the same update for as long and judged alike, {_iqm(record['truth']):.1f} (interquartile mean).",
        "*Demonstrations*: mean return of their sampled actions; *own policy*: of the mean action of the method's own policy; both where",
        "they were learned, with that world's starts, so that these two columns compare within a row only. *Published*: Fu et al. 2018,",
        "arXiv:1710.11248, starts below the barrier, in a MuJoCo maze whose returns are not comparable with these.",
    ]


def _shares(returns: list[float], truth: float) -> str:
    shares = (np.asarray(returns) - RANDOM) / (truth - RANDOM)
    return f"{_iqm(shares.tolist()):.3f} ({', '.join(f'{share:.2f}' for share in shares)})"


def _iqm(values: list[float]) -> float:
    return float(interquartile_mean(np.asarray(values, float)))

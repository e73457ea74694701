"""What a linear cost of the ant asks for, in the worth of a meter a second of forward speed, beside what the reward of Ant-v5 pays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from result_page import Record

from triality.cli.stored import load, open_run_with_cost
from triality.energies.beside_end import cost_beside_end
from triality.energies.linear_cost import LinearBoxCost
from triality.policies.scaling import PartialScaling
from triality.specs import EnvironmentSpec

FORWARD, SPEEDS = 13, slice(13, 27)
"""Coordinates of Ant-v5's observation: the torso's speed along x, and all speeds."""
PAID = {"effort": -0.5, "end": -1.0, "other": 0.0}
"""By the reward of Ant-v5, which pays 1 a step for each m/s, 1 for staying up, and less half the square of each action."""


def asks_of_run(run: Path) -> dict[str, float]:
    """Of the first seed's cost in a run folder; see ``asks``."""
    stored = open_run_with_cost(run)
    return asks(jax.tree.map(lambda leaf: leaf[0], load(stored).states).cost, stored.task.bare)


def asks(cost: LinearBoxCost, spec: EnvironmentSpec) -> dict[str, float]:
    """Around the mean of what was seen in learning it.

    Args:
        cost: of observations with the absorbing indicator.
        spec: of the ant without it.

    Returns:
        effort: of an action at its bound, mean of the eight. end: of a step after the end, beside standing still without an action.
        other: of a standard deviation of that other coordinate which counts most, whichever way.
    """
    scaling = cost.scaling.scaling if isinstance(cost.scaling, PartialScaling) else cost.scaling
    mean, rest = scaling.mean.at[-1].set(0.0), jnp.zeros(spec.action_size)
    slope = jax.grad(cost)(mean, rest)
    forward = -slope[FORWARD]
    still = mean[:-1].at[SPEEDS].set(0.0)
    efforts = jax.vmap(lambda action: cost(mean, action) - cost(mean, rest))(jnp.diag(jnp.asarray(spec.action_high)))
    most = np.abs(np.delete(np.asarray(slope * scaling.scale)[:-1], FORWARD)).max()
    found = {"effort": -jnp.mean(efforts), "end": cost_beside_end(cost, spec, 0.0)(still, rest), "other": most}
    return {name: float(value / forward) for name, value in found.items()}


def in_turn(values: Sequence[float]) -> str:
    """Their mean, and each one where there are several; a dash for none."""
    if not values:
        return "-"
    each = f" ({', '.join(f'{value:.2f}' for value in values)})" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{each}"


def table(found: dict[str, Sequence[Record]]) -> list[str]:
    """Lines of a page: by the label of a class of costs, what those of each seed ask for."""
    titles = (
        "cost",
        "an action at its bound",
        "a step after the end, beside standing still",
        "a standard deviation of another coordinate, at most",
    )
    lines = [f"| {' | '.join(titles)} |", "|---|---:|---:|---:|"]
    rows = [*found.items(), ("the true reward", [PAID])]
    return lines + [f"| {label} | {' | '.join(in_turn([each[name] for each in seeds]) for name in PAID)} |" for label, seeds in rows]

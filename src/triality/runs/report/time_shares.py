"""Where the seconds of a run on the host went: physics, policy, the rest of collecting, update; iteration by iteration."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from triality.runs.report.curves import Curves
from triality.runs.report.diagnostics import horizontal
from triality.runs.report.figures import Panel, draw, legend_above
from triality.runs.report.palette import CAUTION, DATA, DRAWN, MUTED
from triality.runs.report.words import number

PARTS = (("physics", DATA.light), ("policy", DRAWN.light), ("rest of collecting", MUTED.light), ("update", CAUTION.light))


def time_panel(curves: Curves) -> Panel | None:
    """Stacked shares of an iteration's time; None for a compiled run, whose stages are one program."""
    if not curves.has("seconds_physics") or not curves.has("seconds_update"):
        return None
    seconds = _parts(curves)
    shares = seconds / np.maximum(np.sum(seconds, axis=0), 1e-12)

    def paint(axes: Axes) -> None:
        x, label = horizontal(curves)
        axes.stackplot(x, shares, labels=[name for name, _ in PARTS], colors=[color for _, color in PARTS], alpha=0.85, linewidth=0)
        axes.set_xlabel(label)
        axes.set_ylabel("share of the time (no unit)")
        axes.set_ylim(0.0, 1.0)
        axes.grid(visible=False)
        legend_above(axes)

    whole = np.sum(seconds[:, 1:] if seconds.shape[1] > 1 else seconds, axis=1)
    said = ", ".join(f"{name} {number(100 * share, 2)} %" for (name, _), share in zip(PARTS, whole / np.sum(whole), strict=True))
    caption = (
        "Of each iteration, the mean over the seeds: stepping the simulators, asking the policy, what else collecting takes, and the "
        f"update of cost and policy. The first iteration compiles. All others together: {said}."
    )
    return Panel("time-shares", "Where the time goes", draw("time-shares", paint), f"Shares of the time: {said}.", caption)


def _parts(curves: Curves) -> Float[np.ndarray, "parts k"]:
    """Mean seconds over the seeds of every part."""
    physics, policy, collect, update = (np.nanmean(curves.values[f"seconds_{name}"], axis=0) for name in _LOGGED)
    return np.stack([physics, policy, np.maximum(collect - physics - policy, 0.0), update])


_LOGGED = ("physics", "policy", "collect", "update")

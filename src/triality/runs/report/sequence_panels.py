"""The curve of both likelihoods over temperatures, beside what others have published on SeqGAN's oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from triality.runs.report.figures import Panel, draw, legend_above
from triality.runs.report.palette import DRAWN, MUTED, OTHER
from triality.runs.report.words import number

Arrays = Mapping[str, np.ndarray]


class Point(NamedTuple):
    """A published result, nats a token."""

    name: str
    nll_test: float
    nll_oracle: float


PUBLISHED = (
    Point("MLE, temperature 1", 7.61, 9.40),
    Point("CoT", 8.0, 7.846),
)
"""Caccia et al., Language GANs falling short, arXiv:1811.02549: 10,000 training sequences, 20 tokens, SeqGAN's oracle."""
BEST_SUM = 15.26
"""Least published sum of both: likelihood, temperature tuned; of the same authors."""
TASK = {"found_length": 20, "found_vocabulary": 5000, "num_train": 10_000}


def frontier_panel(arrays: Arrays, config: Mapping[str, Any]) -> Panel | None:
    """NLL by the oracle against NLL on test data, a point a temperature; None without an oracle."""
    rows = arrays.get("frontier")
    if rows is None or rows.ndim != 2 or not len(rows):
        return None
    is_task = all(config.get(name) == value for name, value in TASK.items())
    temperatures, test, oracle = rows.T

    def paint(axes: Axes) -> None:
        axes.plot(test, oracle, "o-", color=DRAWN.light, markersize=4, label="this run, by temperature")
        for number_, (temperature, x, y) in enumerate(rows):
            if number_ in (0, len(rows) - 1):
                axes.annotate(f"{temperature:g}", (x, y), textcoords="offset points", xytext=(6, 4), color=DRAWN.light)
        if is_task:
            for point in PUBLISHED:
                axes.plot(point.nll_test, point.nll_oracle, "s", color=OTHER.light, markersize=5, label=f"{point.name}, published")
            across = np.array(axes.get_xlim())
            axes.plot(
                across, BEST_SUM - across, color=MUTED.light, linewidth=1.2, linestyle=(0, (5, 3)), label=f"best published sum, {BEST_SUM}"
            )
        axes.set_xlabel("NLL on test data (nats a token)")
        axes.set_ylabel("NLL by the oracle (nats a token)")
        legend_above(axes)

    best = int(np.argmin(test + oracle))
    said = f"Least sum: {number(float(test[best] + oracle[best]), 4)} at temperature {temperatures[best]:g}."
    caption = (
        "Down: what is drawn is likely under the oracle. Left: what the oracle draws is likely under the generator. Either alone is cheap: "
        f"cold draws are likely and alike. A curve nearer to the corner below left is better everywhere. {said}"
    )
    return Panel("frontier", "Both likelihoods, by temperature", draw("frontier", paint), f"Curve of both likelihoods. {said}", caption)

"""A gridworld in three shades: where demonstrations determine its cost, where up to shaping, and where not at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from triality.errors import DataError
from triality.judging.identifiability import DETERMINED, NOT_AT_ALL, UP_TO_SHAPING
from triality.runs.report.figures import HEIGHT, Panel, draw
from triality.runs.report.palette import BAD, DATA, GOOD, INK, MUTED

SHADES = {DETERMINED: ("determined", GOOD), UP_TO_SHAPING: ("up to shaping", DATA), NOT_AT_ALL: ("not at all", BAD)}


def determined_panel(state_level: Int[np.ndarray, " states"], rows: Sequence[str]) -> Panel:
    """The picture; state = row * width + column.

    Args:
        state_level: ``Identifiability.state_level``.
        rows: the grid as text, as ``envs.gridworld`` takes it; ``#`` is a wall, ``S`` and ``G`` are written into their cells.

    Raises:
        DataError: a grid of another number of cells.

    Example:
        >>> panel = determined_panel(np.array([2, 1, 0]), ("S.G",))
        >>> panel.alt
        'Grid of 3 cells: 1 determined, 1 up to shaping, 1 not at all.'
    """
    width, cells = len(rows[0]), "".join(rows)
    if len(cells) != len(state_level):
        raise DataError(f"expected a level for each of {len(cells)} cells, got {len(state_level)}; give the grid that the states are of")

    def paint(axes: Axes) -> None:
        for place, (cell, level) in enumerate(zip(cells, state_level, strict=True)):
            row, column = divmod(place, width)
            color, alpha = (MUTED.light, 0.9) if cell == "#" else (SHADES[int(level)][1].light, 0.35)
            axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, facecolor=color, alpha=alpha, edgecolor="none"))
            if cell in "SG":
                axes.text(column, row, cell, ha="center", va="center", color=INK.light)
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_axis_off()
        handles = [Patch(facecolor=shade.light, alpha=0.35, label=label) for label, shade in SHADES.values()]
        axes.legend(
            handles=[*handles, Patch(facecolor=MUTED.light, alpha=0.9, label="wall")],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=4,
        )

    floor = np.array([cell != "#" for cell in cells])
    counts = ", ".join(f"{int(np.sum((state_level == level) & floor))} {label}" for level, (label, _) in SHADES.items())
    caption = (
        "What infinitely many demonstrations with these visits would say of the cost of each cell, for the worst of its actions. "
        "Determined: up to one constant. Up to shaping: enough to order policies, not to name a price. Not at all: nobody went there."
    )
    return Panel(
        "determined", "What can be determined", draw("determined", paint, HEIGHT), f"Grid of {floor.sum()} cells: {counts}.", caption
    )

"""Learning curves, and the comparison of returns."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.figures import Panel, curve, draw, last_range, legend_above, reference, show_steps, show_time, wrapped
from triality.runs.report.palette import DATA, DRAWN, INK, MUTED, OTHER, PAPER
from triality.runs.report.record import RunRecord
from triality.runs.report.words import normalized, number


def learning_panels(record: RunRecord) -> list[Panel]:
    """Return against environment steps and against time."""
    curves = record.curves
    if not curves.has("return_mean"):
        return []
    axes = (("steps", "env_steps", show_steps, "environment steps"), ("time", "seconds", show_time, "wall-clock time"))
    panels = []
    for name, field, show, words in axes:
        x = curves.axis(field)
        if x is not None:
            panels.append(_learning_panel(record, f"return-{name}", words, *show(x)))
    return panels or [_learning_panel(record, "return-iteration", "iterations", curves.iterations.astype(float), "iteration")]


def comparison_panel(record: RunRecord) -> Panel | None:
    """Normalized return of the run, seed by seed, beside everything that it is compared with."""
    seeds = record.seeds_of("return_normalized")
    seeds = seeds[np.isfinite(seeds)]
    value = record.overall("return_normalized")
    if not math.isfinite(value):
        return None
    rows = [("demonstrations", 1.0, DATA.light), ("this run", value, DRAWN.light), ("random actions", 0.0, MUTED.light)]
    rows += [(name, reached, OTHER.light) for name, reached in record.published]
    rows += [(name, reached, MUTED.light) for name, (_, reached) in record.baselines.items() if math.isfinite(reached)]
    rows.sort(key=lambda row: -row[1])
    own = next(place for place, row in enumerate(rows) if row[2] == DRAWN.light)

    def paint(axes: Axes) -> None:
        for place, (_, reached, color) in enumerate(rows):
            axes.plot([0, reached], [place, place], color=color, linewidth=1.2, alpha=0.5)
            axes.plot(reached, place, "D" if color == DRAWN.light else "o", color=color, markersize=7)
        axes.plot(seeds, np.full(seeds.size, own - 0.28), "o", color=DRAWN.light, markersize=4.5, alpha=0.45, markeredgewidth=0)
        interval = bootstrap_interval(seeds)
        if interval:
            axes.plot(interval, [own + 0.28, own + 0.28], color=DRAWN.light, linewidth=2.4, solid_capstyle="butt")
        axes.set_yticks(range(len(rows)), [wrapped(name) for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.axvline(0, color=MUTED.light, linewidth=0.8)
        axes.set_xlabel("normalized return (0 = random, 1 = demonstrations)")

    listed = ", ".join(f"{name} {normalized(reached)}" for name, reached, _ in rows)
    credit = "A control that comes as far as this run takes the credit away: the task did not need what the method adds."
    foreign = "Published results were normalized by their authors with experts of their own."
    shown = (_marks(seeds.size), credit if record.baselines else "", foreign if record.published else "")
    caption = " ".join(part for part in shown if part)
    drawing = draw("comparison", paint, 96.0 + 29.0 * len(rows))
    return Panel("comparison", "Normalized return", drawing, f"Normalized returns: {listed}.", caption)


def _learning_panel(record: RunRecord, name: str, words: str, x: np.ndarray, label: str) -> Panel:
    curves = record.curves
    expert, random = record.overall("expert_return"), record.overall("random_return")
    has_scale = record.scale.is_one

    def paint(axes: Axes) -> None:
        curve(axes, x, curves.values["return_mean"], label="learned policy")
        if math.isfinite(expert):
            reference(axes, expert, "demonstrations", DATA.light)
        if math.isfinite(random):
            reference(axes, random, "random actions", MUTED.light, (1.5, 2.0))
        axes.set_xlabel(label)
        axes.set_ylabel("return (environment's reward)")
        if has_scale:
            scale = expert - random
            _mark_published(axes, [(name, random + value * scale) for name, value in record.published])
            right = axes.secondary_yaxis(
                "right", functions=(lambda y: (np.asarray(y) - random) / scale, lambda n: random + np.asarray(n) * scale)
            )
            right.set_ylabel("normalized return", color=INK.light)
        legend_above(axes)

    last = last_range(curves.band("return_mean"))
    assert last is not None, "the caller checked that there is a return"
    end = f"at the end {number(last[0], 4)}, seeds from {number(last[1], 4)} to {number(last[2], 4)}"
    band = "Line: median; band: lowest to highest seed; thin lines: seeds." if len(curves.seeds) > 1 else "One seed, so no band."
    foreign = " Triangles belong to the right axis alone: published results, normalized by their authors with experts of their own."
    caption = (
        f"{band} Return of the policy's roll-outs while learning, sampled actions, in the environment's own reward: for watching only, "
        f"the method never sees it. The judged number is that of the mean action.{foreign if has_scale and record.published else ''}"
    )
    return Panel(name, f"Return over {words}", draw(name, paint), f"Return of the learned policy over {words}: {end}.", caption)


def _mark_published(axes: Axes, marks: list[tuple[str, float]]) -> None:
    """A triangle on the right axis for each, named beside it; the names stand below one another, whatever the distance of the marks."""
    edge = axes.get_yaxis_transform()
    for place, (name, value) in enumerate(sorted(marks, key=lambda mark: -mark[1])):
        axes.plot(1.0, value, "<", transform=edge, color=OTHER.light, markersize=7, clip_on=False, zorder=4)
        line = {"arrowstyle": "-", "color": OTHER.light, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 4}
        where, ground = (-16, -16 - 15 * place), {"facecolor": PAPER.light, "edgecolor": "none", "alpha": 0.85, "pad": 1}
        look = {"ha": "right", "va": "center", "fontsize": 10.5, "color": OTHER.light, "bbox": ground}
        axes.annotate(name, (1.0, value), where, edge, "offset points", line, **look)


def _marks(num_seeds: int) -> str:
    """What the marks of the comparison stand for."""
    if num_seeds < 2:
        return "Diamond: mean action, evaluated in the environment itself; one seed."
    interval = "; the bar below it is the 95 % bootstrap interval" if num_seeds >= 3 else ""
    mean = f"Diamond: interquartile mean over {num_seeds} seeds, mean action, evaluated in the environment itself"
    return f"{mean}{interval}. Small dots above it: the seeds."

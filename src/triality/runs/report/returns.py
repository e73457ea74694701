"""Learning curves, the comparison of returns, and log Z by estimator."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.figures import Panel, curve, draw, last_range, legend_above, reference, show_steps, show_time
from triality.runs.report.palette import DATA, DRAWN, INK, MUTED, OTHER, RULE
from triality.runs.report.record import RunRecord
from triality.runs.report.words import MINUS, normalized, number


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
    others = [(name, reached, OTHER.light) for name, reached in record.published]
    others += [(name, reached, MUTED.light) for name, (_, reached) in record.baselines.items() if math.isfinite(reached)]
    rows = [("demonstrations", 1.0, DATA.light), ("this run", value, DRAWN.light), *others, ("random actions", 0.0, MUTED.light)]

    def paint(axes: Axes) -> None:
        for place, (_, reached, color) in enumerate(rows):
            axes.plot([0, reached], [place, place], color=color, linewidth=1.2, alpha=0.5)
            axes.plot(reached, place, "D" if color == DRAWN.light else "o", color=color, markersize=7)
        axes.plot(seeds, np.full(seeds.size, 1.0), "o", color=DRAWN.light, markersize=4.5, alpha=0.45, markeredgewidth=0)
        interval = bootstrap_interval(seeds)
        if interval:
            axes.plot(interval, [1.28, 1.28], color=DRAWN.light, linewidth=2.4, solid_capstyle="butt")
        axes.set_yticks(range(len(rows)), [_wrapped(name) for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.axvline(0, color=MUTED.light, linewidth=0.8)
        axes.set_xlabel("normalized return (0 = random, 1 = demonstrations)")

    listed = ", ".join(f"{name} {normalized(reached)}" for name, reached, _ in rows)
    caption = (
        f"{_marks(seeds.size)} A row that comes as far as this run, such as cloning or a constant cost, takes the credit away: the "
        "task did not need what the method adds."
    )
    drawing = draw("comparison", paint, 96.0 + 29.0 * len(rows))
    return Panel("comparison", "Normalized return", drawing, f"Normalized returns: {listed}.", caption)


def log_z_panel(record: RunRecord) -> Panel | None:
    """log Z by estimator with 95 % error bars."""
    rows = [(name, value, stderr) for name, (value, stderr) in record.estimates.items() if math.isfinite(value)]
    if not rows:
        return None
    reported = record.total("log_z")

    def paint(axes: Axes) -> None:
        if math.isfinite(reported):
            axes.axvline(reported, color=MUTED.light, linewidth=1.4, linestyle=(0, (5, 3)), label="log Z that the run reports")
        for place, (_, value, stderr) in enumerate(rows):
            error = 1.96 * stderr if math.isfinite(stderr) else None
            axes.errorbar(value, place, xerr=error, fmt="o", color=DRAWN.light, ecolor=DRAWN.light, capsize=4, markersize=6, elinewidth=1.8)
        axes.set_yticks(range(len(rows)), [_wrapped(name.replace("_", " ")) for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.grid(color=RULE.light, axis="x")
        axes.set_xlabel("log Z (nats)")
        axes.locator_params(axis="x", nbins=5)
        legend_above(axes)

    listed = ", ".join(f"{name.replace('_', ' ')} {number(value, 4)} ± {number(stderr, 2)}" for name, value, stderr in rows)
    caption = (
        f"log Z = log ∫ exp({MINUS}cost) over trajectories, relative to the dynamics, by estimators that fail in different ways. Bars: "
        "± 1.96 standard errors, with the cost taken as fixed; the cost was fitted on the same demonstrations, so the true errors are "
        "larger. Bars that overlap are what to hope for; the verdict says whether they do."
    )
    drawing = draw("estimates", paint, 100.0 + 38.0 * len(rows))
    return Panel("estimates", "log Z by estimator", drawing, f"Estimates of log Z in nats: {listed}.", caption)


def _learning_panel(record: RunRecord, name: str, words: str, x: np.ndarray, label: str) -> Panel:
    curves = record.curves
    expert, random = record.overall("expert_return"), record.overall("random_return")
    has_scale = math.isfinite(expert) and math.isfinite(random) and expert > random

    def paint(axes: Axes) -> None:
        curve(axes, x, curves.values["return_mean"], label="learned policy")
        if math.isfinite(expert):
            reference(axes, expert, "demonstrations", DATA.light)
        if math.isfinite(random):
            reference(axes, random, "random actions", MUTED.light, (1.5, 2.0))
        axes.set_xlabel(label)
        axes.set_ylabel("return (environment's reward)")
        if has_scale:
            for place, (published, value) in enumerate(record.published):
                reference(axes, random + value * (expert - random), published, OTHER.light, (6.0 - place, 2.0, 1.5, 2.0))
            scale = expert - random
            right = axes.secondary_yaxis(
                "right", functions=(lambda y: (np.asarray(y) - random) / scale, lambda n: random + np.asarray(n) * scale)
            )
            right.set_ylabel("normalized return", color=INK.light)
        legend_above(axes)

    last = last_range(curves.band("return_mean"))
    assert last is not None, "the caller checked that there is a return"
    end = f"at the end {number(last[0], 4)}, seeds from {number(last[1], 4)} to {number(last[2], 4)}"
    band = "Line: median; band: lowest to highest seed; thin lines: seeds." if len(curves.seeds) > 1 else "One seed, so no band."
    caption = (
        f"{band} Return of the policy's roll-outs while learning, sampled actions, in the environment's own reward: for watching only, "
        "the method never sees it. The judged number is that of the mean action."
    )
    return Panel(name, f"Return over {words}", draw(name, paint), f"Return of the learned policy over {words}: {end}.", caption)


def _marks(num_seeds: int) -> str:
    """What the marks of the comparison stand for."""
    if num_seeds < 2:
        return "Diamond: mean action, evaluated in the environment itself; one seed."
    interval = "; the bar below it is the 95 % bootstrap interval" if num_seeds >= 3 else ""
    mean = f"Diamond: interquartile mean over {num_seeds} seeds, mean action, evaluated in the environment itself"
    return f"{mean}{interval}. Small dots: the seeds."


def _wrapped(name: str) -> str:
    """Two lines for a long name, so that the row keeps room for its marks."""
    words = name.split()
    if len(name) <= 16 or len(words) == 1:
        return name if len(name) <= 24 else name[:23] + "…"
    middle = min(range(1, len(words)), key=lambda i: abs(len(" ".join(words[:i])) - len(name) / 2))
    return "\n".join(part if len(part) <= 24 else part[:23] + "…" for part in (" ".join(words[:middle]), " ".join(words[middle:])))

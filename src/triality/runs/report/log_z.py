"""log Z by estimator: points with error bars, or points alone where the verdict says that they are no numbers to use."""

from __future__ import annotations

import math
from typing import NamedTuple

from matplotlib.axes import Axes

from triality.runs.report.figures import Panel, draw, legend_above, wrapped
from triality.runs.report.method import LogZWords
from triality.runs.report.palette import DRAWN, MUTED, RULE
from triality.runs.report.record import RunRecord
from triality.runs.report.words import alarm_verdict, number


class Bar(NamedTuple):
    """One estimate, in nats; ``half`` is 1.96 standard errors, 0 where there is no error bar to draw."""

    name: str
    value: float
    half: float


def log_z_panel(record: RunRecord) -> Panel | None:
    """log Z by estimator with 95 % error bars; in grey and without them where the estimates are not to be used."""
    doubt = alarm_verdict(record).doubt
    found = [(name.replace("_", " "), value, stderr) for name, (value, stderr) in record.estimates.items() if math.isfinite(value)]
    if not found:
        return None
    bars = [Bar(name, value, 0.0 if doubt or not math.isfinite(stderr) else 1.96 * stderr) for name, value, stderr in found]
    reported = math.nan if doubt else record.total("log_z")
    limits = shown_range(bars, reported)

    def paint(axes: Axes) -> None:
        if math.isfinite(reported):
            axes.axvline(reported, color=MUTED.light, linewidth=1.4, linestyle=(0, (5, 3)), label="log Z that the run reports")
        for place, bar in enumerate(bars):
            _draw_bar(axes, place, bar, limits, is_usable=not doubt)
        axes.set_xlim(limits)
        axes.set_yticks(range(len(bars)), [wrapped(bar.name) for bar in bars])
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.grid(color=RULE.light, axis="x")
        axes.set_xlabel("log Z (nats)")
        axes.locator_params(axis="x", nbins=5)
        legend_above(axes)

    is_cut = any(bar.value - bar.half < limits[0] or bar.value + bar.half > limits[1] for bar in bars)
    listed = ", ".join(f"{name} {number(value, 4)}" + ("" if doubt else f" ± {number(stderr, 2)}") for name, value, stderr in found)
    drawing = draw("estimates", paint, 100.0 + 38.0 * len(bars))
    return Panel(
        "estimates", "log Z by estimator", drawing, f"Estimates of log Z in nats: {listed}.", _caption(record.method.log_z, doubt, is_cut)
    )


def shown_range(bars: list[Bar], reported: float) -> tuple[float, float]:
    """Limits of the axis: the estimates with a margin that holds ordinary bars whole, and cuts one that would dwarf all others.

    Example:
        >>> shown_range([Bar("importance", 1.0, 0.5), Bar("reciprocal", 3.0, 9e4)], 2.0)
        (-1.3, 5.3)
    """
    values = [bar.value for bar in bars] + ([reported] if math.isfinite(reported) else [])
    low, high = min(values), max(values)
    margin = max(0.25 * (high - low), 4 * min((bar.half for bar in bars if bar.half > 0), default=0.0))
    left = max(low - margin, min(low, *(bar.value - bar.half for bar in bars)))
    right = min(high + margin, max(high, *(bar.value + bar.half for bar in bars)))
    air = 0.05 * (right - left) or 1.0
    return left - air, right + air


def _draw_bar(axes: Axes, place: int, bar: Bar, limits: tuple[float, float], *, is_usable: bool) -> None:
    """A filled point with its bar, and an arrow where the axis ends before the bar does; an open grey point where it is not to be used."""
    if not is_usable:
        axes.plot(bar.value, place, "o", color=MUTED.light, markerfacecolor="none", markersize=6.5, markeredgewidth=1.4)
        return
    error = bar.half if bar.half > 0 else None
    axes.errorbar(bar.value, place, xerr=error, fmt="o", color=DRAWN.light, ecolor=DRAWN.light, capsize=4, markersize=6, elinewidth=1.8)
    for edge, marker, is_cut in ((limits[0], "<", bar.value - bar.half < limits[0]), (limits[1], ">", bar.value + bar.half > limits[1])):
        if is_cut:
            axes.plot(edge, place, marker, color=DRAWN.light, markersize=8, clip_on=False, zorder=4)


def _caption(words: LogZWords, doubt: str, is_cut: bool) -> str:
    if doubt:
        return f"{words.what} In grey and without error bars, because {doubt}. Do not use these as numbers."
    arrows = "An arrow: the bar goes on beyond the axis; the table has its length. " if is_cut else ""
    hope = "Bars that overlap are what to hope for; the verdict forgives five joint standard errors, so that chance alone hardly moves it."
    return f"{words.what} Bars: ± 1.96 standard errors, {words.errors}{arrows}{hope}"

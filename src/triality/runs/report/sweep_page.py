"""``sweep.html``: the points of a sweep side by side, the best one marked, and what that is worth."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from triality.runs.atomic import replace_file
from triality.runs.report import page
from triality.runs.report.figures import Panel, draw, legend_above
from triality.runs.report.palette import BAD, CAUTION, DATA, DRAWN, GOOD, MUTED, OTHER
from triality.runs.report.words import duration, number, seed_phrase
from triality.runs.sweep_folder import PAGE

COLORS = (DRAWN.light, DATA.light, OTHER.light, GOOD.light, CAUTION.light, BAD.light, MUTED.light)
"""Of the values of a second option; used again where there are more."""
WARNING = "The best of several points on test results looks better than it is: the more points and the fewer seeds, the more so."
MOST_LINES = 14
"""Values of a second option that are drawn as lines; with more, or with three options, every point has a row of its own."""


def write_sweep_page(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write the page of what ``sweep.json`` holds, and return its path.

    Raises:
        StorageError: the operating system refuses.
    """
    text = render(result).encode()

    def write(file: Any) -> None:
        file.write(text)

    replace_file(folder / PAGE, write)
    return folder / PAGE


def render(result: Mapping[str, Any]) -> str:
    """The page as HTML."""
    swept, points = list(result["config"]["sweep"]), result["points"]
    title = f"triality {result['command']}: {', '.join(swept)}"
    words = f"{len(points)} points in one program, {seed_phrase(result['config']['seeds'])} each, {duration(result['seconds'])} in all"
    header = f"<h1>{escape(title)}</h1>\n{page.paragraph(words, 'subtitle')}\n{page.paragraph(reading(result))}"
    where = Path(result["config"]["out"])
    lines = (
        [f"# {best} is a run like any other", f"triality runs show {shlex.quote(str(where / best))}"] if (best := result["best"]) else []
    )
    sections = (
        page.section("What came of them", page.panels([panel(result)] if result["best"] is not None else []), _table(result)),
        page.section("Failed", page.listing([f"{each['folder']}: {each['failed']}" for each in points if each["failed"]])),
        page.section("What the best is worth", page.paragraph(f"{WARNING} {confirmation(result)}" if lines else ""), page.commands(lines)),
    )
    note = "Every folder beside this page is a complete run with a report of its own; triality compare puts up to twelve on one page."
    return page.page(f"{title} · triality", header, (each for each in sections if each), page.paragraph(note))


def reading(result: Mapping[str, Any]) -> str:
    """What came out, in two sentences."""
    best = next((each for each in result["points"] if each["folder"] == result["best"]), None)
    if best is None:
        return "No point has a result."
    measure, near = result["measure"], result["not_told_apart"]
    said = f"The best point is {best['folder']}: {measure['name']} {_with_interval(best)}; {measure['better']} is better."
    if best["interval"] is None:
        return f"{said} From three seeds on there would be intervals; without them no difference here is more than a hint."
    if near:
        return f"{said} Its interval meets that of {len(near)} other point(s), which it is not told apart from: {', '.join(near)}."
    return f"{said} Its interval meets that of no other point."


def confirmation(result: Mapping[str, Any]) -> str:
    """How to find out what the best point is worth, in one sentence."""
    best = next(each for each in result["points"] if each["folder"] == result["best"])
    config = result["config"]
    options = " ".join(f"--{name.replace('_', '-')} {value:.12g}" for name, value in best["values"].items())
    fresh = config["seed"] + config["seeds"]
    return (
        f"To confirm it, run the same command without --sweep, with {options} and seeds that chose nothing: --seed {fresh} --seeds "
        f"{max(5, config['seeds'])}, in a new --out; what that gives is the result to report."
    )


def panel(result: Mapping[str, Any]) -> Panel:
    """The result of every point against the swept values, or a row a point where they are too many to be axes."""
    swept = result["config"]["sweep"]
    is_plane = len(swept) == 1 or (len(swept) == 2 and len(list(swept.values())[1]) <= MOST_LINES)
    shown = [each for each in result["points"] if each["value"] is not None]
    paint = _lines if is_plane else _rows
    height = 290.0 if is_plane else 110.0 + 26.0 * len(shown)
    caption = (
        "Marks: interquartile mean over the seeds; bars: 95 % interval, from three seeds on; dots: seeds. The best is marked in green. "
        f"{result['measure']['better'].capitalize()} is better."
    )
    alt = "; ".join(f"{each['folder']}: {_with_interval(each)}" for each in result["points"])
    drawing = draw("sweep", lambda axes: paint(axes, result, shown), height)
    return Panel("sweep", result["measure"]["name"].capitalize(), drawing, f"{alt}.", caption)


def _lines(axes: Axes, result: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> None:
    first, *others = result["config"]["sweep"]
    is_log = _is_spread(result["config"]["sweep"][first])
    groups = result["config"]["sweep"][others[0]] if others else [None]
    for place, group in enumerate(groups):
        color, shift = COLORS[place % len(COLORS)], (place - (len(groups) - 1) / 2) * 0.012
        mine = sorted((each for each in shown if not others or each["values"][others[0]] == group), key=lambda each: each["values"][first])
        x = np.array([_shifted(each["values"][first], shift, is_log) for each in mine])
        label = None if group is None else f"{others[0]} {group:g}"
        axes.plot(x, [each["value"] for each in mine], marker="o", markersize=5, linewidth=1.4, color=color, label=label)
        for at, each in zip(x, mine, strict=True):
            _spread(axes, each, float(at), color, vertical=1)
            if each["folder"] == result["best"]:
                axes.plot(at, each["value"], "o", markersize=13, markerfacecolor="none", markeredgecolor=GOOD.light, markeredgewidth=2)
    if is_log:
        axes.set_xscale("log")
    ticks = sorted(result["config"]["sweep"][first])
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks], rotation=30 if len(ticks) > 5 else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(first)
    axes.set_ylabel(_short(result["measure"]["name"]))
    legend_above(axes)


def _rows(axes: Axes, result: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> None:
    for place, each in enumerate(shown):
        is_best = each["folder"] == result["best"]
        axes.plot(each["value"], place, "D", markersize=6, color=GOOD.light if is_best else DRAWN.light)
        _spread(axes, each, float(place), DRAWN.light, vertical=0)
    axes.set_yticks(range(len(shown)), [", ".join(f"{value:g}" for value in each["values"].values()) for each in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_xlabel(_short(result["measure"]["name"]))


def _spread(axes: Axes, each: Mapping[str, Any], at: float, color: str, vertical: int) -> None:
    """The interval and the seeds of one point."""
    seeds = [value for value in each["seeds"] if value is not None]
    across = [at] * len(seeds)
    axes.plot(*((across, seeds) if vertical else (seeds, across)), ".", color=color, alpha=0.45, markersize=5)
    if each["interval"] is not None:
        low, high = each["interval"]
        reach = np.maximum([[each["value"] - low], [high - each["value"]]], 0.0)
        if vertical:
            axes.errorbar(at, each["value"], yerr=reach, color=color, capsize=3)
        else:
            axes.errorbar(each["value"], at, xerr=reach, color=color, capsize=3)


def _table(result: Mapping[str, Any]) -> str:
    swept, points = list(result["config"]["sweep"]), result["points"]
    marked = next((place for place, each in enumerate(points) if each["folder"] == result["best"]), None)
    rows = [
        (each["folder"], *(f"{each['values'][name]:g}" for name in swept), *(("failed", "") if each["failed"] else _cells(each)))
        for each in points
    ]
    head = ("folder", *swept, result["measure"]["name"], "95 % interval over seeds")
    return page.table("Every point; the best stands out", head, rows, marked)


def _cells(each: Mapping[str, Any]) -> tuple[str, str]:
    interval = each["interval"]
    return number(_or_nan(each["value"]), 4), "" if interval is None else f"{number(interval[0], 4)} to {number(interval[1], 4)}"


def _with_interval(each: Mapping[str, Any]) -> str:
    if each["failed"]:
        return "failed"
    value, interval = _cells(each)
    return f"{value} ({interval})" if interval else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _is_spread(values: Sequence[float]) -> bool:
    """Whether they are better seen on a logarithmic axis."""
    return min(values) > 0 and max(values) / min(values) >= 5


def _shifted(value: float, shift: float, is_log: bool) -> float:
    """Moved a little, so that marks of the same value do not hide one another."""
    return value * (1.0 + 2.0 * shift) if is_log else value + shift * max(abs(value), 1e-12)


def _short(name: str) -> str:
    """For an axis."""
    return name.replace("negative log likelihood of test sequences", "test NLL")

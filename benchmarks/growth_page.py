"""The page and the picture of ``growth.py``, from its record alone."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from growth_fit import SLACK
from result_page import Record

from triality.runs.report.palette import BAD, CAUTION, DATA, DRAWN, GOOD, INK, MUTED, OTHER, RULE

COLORS = (DATA, DRAWN, OTHER, GOOD, CAUTION, BAD, MUTED)
MARKERS = "os^vDPX*<>h8"


def page(record: Record) -> list[str]:
    """What is above its order first; then one line a cost."""
    sweeps: dict[str, dict[str, Any]] = record["sweeps"]
    above = {name: sweep["above"] for name, sweep in sweeps.items() if sweep["above"]}
    lines = ["# How costs grow", ""]
    if above:
        said = "; ".join(f"{name} ({' and '.join(kinds)})" for name, kinds in above.items())
        lines += [f":::{{error}} Above the stated order: {said}.", ":::", ""]
    else:
        lines += [f"None of {len(sweeps)} costs is seen to grow by more than {SLACK:g} above its stated order. {_slightly(sweeps)}", ""]
    lines += ["![Time and memory against size](../_static/growth.svg)", ""]
    for variable in dict.fromkeys(sweep["variable"] for sweep in sweeps.values()):
        lines += [f"## Against {variable}", "", *_table({name: each for name, each in sweeps.items() if each["variable"] == variable}), ""]
    return [
        *lines,
        "Slopes on logarithmic axes with their 95 % intervals, of the points that stand out from the smallest (of a time that is stated as",
        "n log n, of the time over log n); *flat*: too few do. Memory: what the compiled program holds between its arguments and its",
        "results, and its results. Stated orders: the exponent of the time, and of the memory where it is another one. *Above*: the lower",
        "end of an interval is more than 0.15 above the stated order. Seconds are the processor's, on one thread, in float32.",
    ]


def _slightly(sweeps: dict[str, dict[str, Any]]) -> str:
    """The slopes whose whole interval is above the stated order, if by less than what counts."""
    found = []
    for name, sweep in sweeps.items():
        for kind, order in (("time", 1.0 if sweep["is_log_linear"] else sweep["order"]), ("memory", sweep["memory_order"])):
            if sweep[kind]["low"] is not None and sweep[kind]["low"] > order:
                found.append(f"{name} ({kind})")
    return f"Measurably above it by less: {'; '.join(found)}." if found else ""


def _table(sweeps: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| cost | sizes | stated | slope of the time | slope of the memory | time at the largest | memory there | |",
        "|---|---|---|---|---|---:|---:|---|",
    ]
    for name, sweep in sweeps.items():
        points = sweep["points"]
        sizes = f"{points[0]['size']:,} to {points[-1]['size']:,}"
        last = f"{1e3 * median(points[-1]['seconds']):,.2f} ms | {points[-1]['bytes'] / 2**20:,.2f} MiB"
        verdict = f"**ABOVE: {' and '.join(sweep['above'])}**" if sweep["above"] else ""
        lines.append(f"| {name} | {sizes} | {_stated(sweep)} | {_slope(sweep['time'])} | {_slope(sweep['memory'])} | {last} | {verdict} |")
    return lines


def _stated(sweep: dict[str, Any]) -> str:
    words = "n log n" if sweep["is_log_linear"] else f"{sweep['order']:g}"
    memory = "" if sweep["memory_order"] == (1.0 if sweep["is_log_linear"] else sweep["order"]) else f", memory {sweep['memory_order']:g}"
    return f"{words}{memory}" + (f" ({sweep['why']})" if sweep["why"] else "")


def _slope(found: dict[str, Any]) -> str:
    value = found["value"]
    return "flat" if value is None else f"{value:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def plot(record: Record, target: Path) -> None:
    """A column a variable: time above, memory below, a line a cost."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams.update({"svg.hashsalt": "triality", "font.size": 8.5, "text.color": INK.light, "axes.labelcolor": INK.light})
    sweeps: dict[str, dict[str, Any]] = record["sweeps"]
    variables = list(dict.fromkeys(sweep["variable"] for sweep in sweeps.values()))
    picture = Figure(figsize=(4.0 * len(variables), 8.4), layout="constrained")
    panels = picture.subplots(2, len(variables), squeeze=False)
    for column, variable in enumerate(variables):
        shown = {name: sweep for name, sweep in sweeps.items() if sweep["variable"] == variable}
        for row, (label, of_point) in enumerate((("time (ms)", _milliseconds), ("memory (MiB)", _mebibytes))):
            axes = panels[row][column]
            for place, (name, sweep) in enumerate(shown.items()):
                at, style = [point["size"] for point in sweep["points"]], MARKERS[place % len(MARKERS)]
                values = [of_point(point) for point in sweep["points"]]
                axes.plot(at, values, marker=style, markersize=4, color=COLORS[place % len(COLORS)].light, linewidth=1.3, label=name)
            axes.set(xscale="log", yscale="log", xlabel=f"{variable} (number)", ylabel=label)
            axes.grid(True, color=RULE.light, linewidth=0.6)
        panels[0][column].legend(frameon=False, fontsize=6.5, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def _milliseconds(point: dict[str, Any]) -> float:
    return 1e3 * median(point["seconds"])


def _mebibytes(point: dict[str, Any]) -> float:
    return max(point["bytes"], 1) / 2**20

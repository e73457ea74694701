"""The figures of the page of ``triality bench``, drawn as those of a run's report are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from triality.profiling.limits import Limits
from triality.profiling.peer_ratio import PeerRatio
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.quantities import amount_words, share_words, time_words
from triality.profiling.roofline import ARITHMETIC, LATENCY, MEMORY
from triality.profiling.stage_rows import roofline_of
from triality.runs.report.figures import Panel, draw, legend_above, wrapped
from triality.runs.report.palette import CAUTION, DATA, DRAWN, INK, MUTED

COLORS = {ARITHMETIC: DATA.light, MEMORY: DRAWN.light, LATENCY: CAUTION.light, "": MUTED.light}
BINDS = {ARITHMETIC: "arithmetic", MEMORY: "memory", LATENCY: "small operations", "": "no compiled program"}
ROW = 34.0
"""Points of height for one bar."""
LONGEST = 38
"""Characters of a line beside a ratio."""
DENSE = 300.0
"""A range of ratios as wide as this has marks at powers of ten alone: more would run into each other."""
MOST_ROWS = 24
"""Ratios in one figure."""


def stage_panel(program: ProgramProfile, limits: Limits) -> Panel:
    """The time of every stage of a step beside the whole step, colored by what binds it, with the share of the limit at its end."""
    rows: list[tuple[str, float, str, float | None]] = []
    for stage in (*program.step_stages, *((program.whole,) if program.whole is not None else ())):
        near = roofline_of(stage, limits)
        rows.append((stage.name, stage.median, "" if near is None else near.binds, None if near is None else near.share))
    if program.chunk is not None:
        rows.append(("step within a chunk", program.chunk.seconds.median, "", None))

    def paint(axes: Axes) -> None:
        for binds in dict.fromkeys(row[2] for row in rows):
            places = [place for place, row in enumerate(rows) if row[2] == binds]
            axes.barh(places, [1e3 * rows[place][1] for place in places], color=COLORS[binds], height=0.62, label=BINDS[binds])
        longest = max(1e3 * row[1] for row in rows)
        for place, (_, seconds, _, share) in enumerate(rows):
            words = time_words(seconds) + (f", {share_words(share)}" if share is not None else "")
            axes.text(1e3 * seconds + 0.015 * longest, place, words, va="center", fontsize=10, color=INK.light)
        axes.set_yticks(range(len(rows)), [wrapped(row[0]) for row in rows])
        axes.set_xlim(0, 1.45 * longest)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("time (ms)")
        legend_above(axes)

    name = f"stages-{_slug(program.name)}"
    said = ", ".join(f"{row[0]} {time_words(row[1])}" for row in rows)
    caption = (
        "Median of the repeats. Each stage is compiled alone; the color says which limit of the machine is nearest, the percentage how "
        "near it is. The whole step is one program, in which the compiler can share work between stages; within a chunk the loop goes on "
        "without coming back to Python."
    )
    return Panel(name, f"{program.name}: where a step's time goes", draw(name, paint, 110.0 + ROW * len(rows)), f"Times: {said}.", caption)


def roofline_panel(programs: Sequence[ProgramProfile], limits: Limits) -> Panel:
    """Operations a second against operations a byte, under the two roofs."""
    points = []
    for program in programs:
        for stage in (*program.stages, *((program.whole,) if program.whole is not None else ())):
            near = roofline_of(stage, limits)
            if near is not None and stage.count is not None and stage.count.operations and stage.count.bytes:
                rate, intensity = stage.count.operations / stage.seconds.median, stage.count.operations / stage.count.bytes
                points.append((intensity, rate, near.binds))

    def paint(axes: Axes) -> None:
        intensities = [point[0] for point in points] or [1.0]
        x = np.geomspace(min(0.05, *intensities) / 1.5, max(100.0, *intensities) * 1.5, 200)
        for bandwidth, style, label in (
            (limits.memory_bandwidth, "-", f"memory, {amount_words(limits.memory_bandwidth, 'B')}/s"),
            (max(limits.bytes_per_second), (0, (4.0, 2.0)), f"fastest cache, {amount_words(max(limits.bytes_per_second), 'B')}/s"),
        ):
            axes.plot(
                x,
                np.minimum(bandwidth * x, limits.operations_per_second) / 1e9,
                color=INK.light,
                linewidth=1.4,
                linestyle=style,
                label=label,
            )
        for binds in dict.fromkeys(point[2] for point in points):
            of_kind = [point for point in points if point[2] == binds]
            rates = [point[1] / 1e9 for point in of_kind]
            axes.plot([point[0] for point in of_kind], rates, "o", color=COLORS[binds], markersize=6, label=BINDS[binds])
        axes.set_xscale("log")
        _plain_log(axes)
        axes.set_xlabel("operations a byte")
        axes.set_ylabel("operations (10⁹ a second)")
        legend_above(axes)

    caption = (
        "One point a compiled stage. The flat roof is the fastest matrix product, the slanted ones are what memory and the fastest cache "
        "can bring. A point far below both spends its time on starting small operations."
    )
    alt = f"{len(points)} stages under a roof of {amount_words(limits.operations_per_second)} operations a second."
    return Panel("roofline", "Every stage under the machine's roof", draw("roofline", paint, 330.0), alt, caption)


def compile_panel(programs: Sequence[ProgramProfile]) -> Panel | None:
    """What compiling takes, cold and warm; None where nothing was compiled as a chunk."""
    shown = [(program.name, program.chunk.compile) for program in programs if program.chunk is not None]
    if not shown:
        return None

    def paint(axes: Axes) -> None:
        places, begin = np.arange(len(shown)), np.zeros(len(shown))
        for field, label, color in (("trace", "tracing", DATA.light), ("lower", "lowering", MUTED.light), ("compile", "XLA", DRAWN.light)):
            widths = np.array([getattr(cost, field) for _, cost in shown])
            axes.barh(places - 0.18, widths, left=begin, color=color, height=0.32, label=f"cold: {label}")
            begin = begin + widths
        axes.barh(places + 0.18, [cost.warm or 0.0 for _, cost in shown], color=CAUTION.light, height=0.32, label="warm, all of it")
        axes.set_yticks(places, [wrapped(name) for name, _ in shown])
        axes.set_ylim(max(len(shown), 2) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("time (s)")
        legend_above(axes)

    said = ", ".join(f"{name} {time_words(cost.cold)} cold and {time_words(cost.warm)} warm" for name, cost in shown)
    caption = "Of one chunk, the program that a run compiles once. Warm: another process has compiled it before and kept it on this disk."
    return Panel("compiling", "What compiling takes", draw("compiling", paint, 120.0 + 44.0 * len(shown)), f"{said}.", caption)


def ratio_panels(peers: Sequence[PeerRatio]) -> list[Panel]:
    """Median and range of every ratio, a figure a benchmark."""
    names = dict.fromkeys(each.benchmark for each in peers)
    return [_ratio_panel(name, [each for each in peers if each.benchmark == name][:MOST_ROWS]) for name in names]


def _ratio_panel(benchmark: str, peers: Sequence[PeerRatio]) -> Panel:
    beside = list(dict.fromkeys(each.peer for each in peers))
    asked = Counter((each.task, each.quantity) for each in peers)
    labels = [_label(each, each.peer if asked[each.task, each.quantity] > 1 else "") for each in peers]
    every = [ratio for each in peers for ratio in each.ratios]
    marks = (1.0, 2.0, 5.0) if max(every) < DENSE * min(every) else (1.0,)

    def paint(axes: Axes) -> None:
        for place, each in enumerate(peers):
            axes.plot([min(each.ratios), max(each.ratios)], [place, place], color=DATA.light, linewidth=1.6, alpha=0.6)
            axes.plot([each.median], [place], "o", color=DATA.light if each.median >= 1 else DRAWN.light, markersize=6)
        axes.axvline(1.0, color=INK.light, linewidth=1.2)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, marks))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(peers)), labels, fontsize=8.5)
        axes.set_ylim(len(peers) - 0.4, -0.6)
        axes.set_xlabel("times as fast as the peer (ratio, no unit)")

    name = f"ratios-{_slug(benchmark)}"
    said = ", ".join(f"{each.task}, {each.quantity} {each.median:.1f}" for each in peers)
    caption = "The median of the runs, and the range over them. Right of the line we are faster."
    return Panel(name, f"{benchmark}: beside {', '.join(beside)}", draw(name, paint, 90.0 + 30.0 * len(peers)), f"Ratios: {said}.", caption)


def _label(each: PeerRatio, peer: str) -> str:
    """Two lines: what both did, and what is compared, and with whom if with several. Of a long one the middle is left out."""
    half = LONGEST // 2
    parts = (each.task, f"{each.quantity}, {peer}" if peer else each.quantity)
    return "\n".join(part if len(part) <= LONGEST else f"{part[: half - 1]}…{part[-half:]}" for part in parts)


def _plain_log(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _slug(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name)

"""From matplotlib to inline SVG: text stays text, colors follow the reader's scheme, the drawing scales with the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from triality.runs.report.curves import Band, band
from triality.runs.report.palette import DRAWN, INK, MUTED, RULE, follow_scheme

WIDTH, HEIGHT = 400.0, 272.0
"""Points. At 400 a figure is readable across a phone, and two stand side by side on a desktop."""

MAX_SEED_LINES = 12

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "triality",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED.light,
    "axes.labelcolor": INK.light,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": RULE.light,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED.light,
    "ytick.color": MUTED.light,
    "xtick.labelcolor": INK.light,
    "ytick.labelcolor": INK.light,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "text.color": INK.light,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.0,
    "figure.facecolor": "none",
}


@dataclass(frozen=True)
class Panel:
    """One figure of the report.

    Args:
        name: short, unique on the page; the figure's id.
        title: heading.
        svg: the drawing, as inline SVG.
        alt: what the drawing shows, for readers who do not see it.
        caption: how to read it, in sentences.
    """

    name: str
    title: str
    svg: str
    alt: str
    caption: str


def draw(name: str, paint: Callable[[Axes], None], height: float = HEIGHT) -> str:
    """The inline SVG of what ``paint`` puts on fresh axes; ``name`` makes its ids unique on the page."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        paint(figure.add_subplot())
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, dpi=144, metadata={"Date": None, "Creator": None})
    return _inline(name, stream.getvalue())


def curve(
    axes: Axes, x: Float[np.ndarray, " k"], table: Float[np.ndarray, "s k"], color: str = DRAWN.light, label: str | None = None
) -> None:
    """Median over the seeds, the range from the lowest to the highest as a band, and each seed as a thin line."""
    middle = band(table)
    marker = "o" if x.size <= 12 else None
    if table.shape[0] > 1:
        axes.fill_between(x, middle.low, middle.high, color=color, alpha=0.16, linewidth=0)
    if 1 < table.shape[0] <= MAX_SEED_LINES:
        axes.plot(x, table.T, color=color, alpha=0.4, linewidth=0.7)
    axes.plot(x, middle.median, color=color, label=label, marker=marker, markersize=3.5)


def reference(axes: Axes, value: float, label: str, color: str = MUTED.light, dashes: tuple[float, ...] = (5.0, 3.0)) -> None:
    """A dashed horizontal line that the legend names."""
    axes.axhline(value, color=color, linewidth=1.4, linestyle=(0, dashes), label=label)


def legend_above(axes: Axes, columns: int = 2) -> None:
    """The legend over the axes, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, borderaxespad=0.2, handlelength=1.8, columnspacing=1.4)


def plain_log(axes: Axes) -> None:
    """A logarithmic vertical axis with labels such as 0.02, 0.05, 0.1, which stay text at every size."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    steps = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(10, steps))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def show_steps(values: Float[np.ndarray, " k"]) -> tuple[Float[np.ndarray, " k"], str]:
    """Environment steps in the unit that keeps tick labels short, and the axis label that names it."""
    largest = np.nanmax(values, initial=0.0)
    divisor, unit = next(((d, u) for d, u in ((1e6, " (millions)"), (1e3, " (thousands)")) if largest >= d), (1.0, ""))
    return values / divisor, f"environment steps of each seed{unit}"


def show_time(values: Float[np.ndarray, " k"]) -> tuple[Float[np.ndarray, " k"], str]:
    """Seconds, or minutes where there are many, and the axis label."""
    return (values / 60, "wall-clock time (min)") if np.nanmax(values, initial=0.0) > 600 else (values, "wall-clock time (s)")


def last_range(middle: Band) -> Shaped[np.ndarray, " 3"] | None:
    """(median, lowest, highest) at the last place where a seed has a number."""
    places = np.flatnonzero(np.isfinite(middle.median))
    return None if places.size == 0 else np.array([part[places[-1]] for part in middle])


def wrapped(name: str) -> str:
    """Two lines for a long name, so that the row keeps room for its marks."""
    words = name.split()
    if len(name) <= 16 or len(words) == 1:
        return name if len(name) <= 24 else name[:23] + "…"
    middle = min(range(1, len(words)), key=lambda i: abs(len(" ".join(words[:i])) - len(name) / 2))
    return "\n".join(part if len(part) <= 24 else part[:23] + "…" for part in (" ".join(words[:middle]), " ".join(words[middle:])))


def _inline(name: str, svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="([^"]+)"', svg)
    assert view is not None, "matplotlib writes a viewBox"
    svg = re.sub(r"<svg[^>]*>", f'<svg viewBox="{view.group(1)}" xmlns:xlink="http://www.w3.org/1999/xlink">', svg, count=1)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]+;? ?", "", svg)
    return follow_scheme(re.sub(r"\n\s*", "\n", svg)).strip()

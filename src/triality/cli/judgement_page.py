"""``judgement.html``: a judgement drawn, in one file that needs no other, with the parts that reports are made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from triality.cli.judged_steps import Covered
from triality.cli.judgement import Judgement
from triality.cli.judgement_table import EXACT, interval
from triality.runs.atomic import replace_file
from triality.runs.report import page
from triality.runs.report.figures import HEIGHT, Panel, draw, legend_above
from triality.runs.report.palette import DATA, DRAWN, INK, MUTED, OTHER
from triality.runs.report.words import number

MOST_DOTS = 1500
UNRELATED = float(np.sqrt(0.5))


def write_page(target: Path, record: dict[str, Any], judged: Sequence[Judgement], covered: Covered) -> None:
    """Write it.

    Raises:
        StorageError: the operating system refuses.
    """
    text = render(record, judged, covered).encode()

    def write(file: Any) -> None:
        file.write(text)

    replace_file(target, write)


def render(record: dict[str, Any], judged: Sequence[Judgement], covered: Covered) -> str:
    """The page as HTML."""
    title = f"{record['env']} · {record['algorithm']} · judged"
    against = "minus the environment's reward" if record["against"] == "true" else f"the cost of {record['against']}"
    words = f"{len(judged)} seed(s), learned cost against {against}, shaping with discount {record['discount']:g} taken away"
    header = f"<h1>{escape(title)}</h1>\n{page.paragraph(words, 'subtitle')}"
    sections = (
        page.section("How far apart", page.paragraph(_reading(record)), page.panels([distances_panel(record)]), _table(record)),
        page.section("Exactly", _exact_table(record)),
        page.section("Step by step", page.panels([scatter_panel(judged[0], record), coverage_panel(covered)])),
    )
    note = "Distances say whether two costs order policies alike; whether a fresh policy can be trained on one, triality retrain says."
    return page.page(f"{title} · triality", header, (each for each in sections if each), page.paragraph(note))


def distances_panel(record: dict[str, Any]) -> Panel:
    """Both distances of every seed with their intervals."""
    names = [str(each["seed"]) for each in record["seeds"]]
    kinds = [("epic", "EPIC", DATA.light, -0.12), ("starc", "STARC, least squares", DRAWN.light, 0.12)]

    def paint(axes: Axes) -> None:
        axes.axhline(UNRELATED, color=MUTED.light, linewidth=1.4, linestyle=(0, (5.0, 3.0)), label="unrelated")
        for key, label, color, shift in kinds:
            found = [(place + shift, each[key]) for place, each in enumerate(record["seeds"]) if each[key] is not None]
            if found:
                x, value, low, high = (
                    np.array(part) for part in zip(*((x, e["value"], e["low"], e["high"]) for x, e in found), strict=True)
                )
                reach = np.nan_to_num(np.maximum([value - low, high - value], 0.0))
                axes.errorbar(x, value, reach, fmt="o", color=color, markersize=5, capsize=3, label=label)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("seed")
        axes.set_ylabel("distance (0 same, 1 reversed)")
        legend_above(axes, 3)

    caption = (
        "Lower is better. Bars: 95 % intervals, whole episodes drawn anew. EPIC averages over actions and states of the roll-outs, also "
        "where nobody went; STARC takes away the best potential in a class of functions, along the roll-outs alone."
    )
    alt = "; ".join(f"seed {name}: EPIC {interval(each['epic'])}, STARC {interval(each['starc'])}" for name, each in _named(record))
    return Panel("distances", "Distances", draw("distances", paint), f"Distances with intervals. {alt}.", caption)


def scatter_panel(judged: Judgement, record: dict[str, Any]) -> Panel:
    """What shaping leaves of either cost, step by step, each in units of its own spread."""
    learned, reference = (values / np.sqrt(np.mean(values**2)) for values in (judged.learned, judged.reference))
    chosen = np.random.default_rng(0).permutation(len(learned))[:MOST_DOTS]
    low, high = np.percentile(np.stack([learned, reference]), [0.5, 99.5], axis=1)
    ends = np.array([max(low), min(high)])

    def paint(axes: Axes) -> None:
        axes.plot(learned[chosen], reference[chosen], ".", color=DRAWN.light, markersize=3.5, alpha=0.35, label="a step", rasterized=True)
        axes.plot(ends, ends, color=MUTED.light, linewidth=1.4, linestyle=(0, (5.0, 3.0)), label="the same order of policies")
        axes.set_xlim(*_wider(low[0], high[0]))
        axes.set_ylim(*_wider(low[1], high[1]))
        axes.set_xlabel("learned cost, what shaping leaves")
        axes.set_ylabel("true cost, the same" if record["against"] == "true" else "the other cost, the same")
        legend_above(axes)

    share, rho = record["seeds"][0], number(record["seeds"][0]["correlation_up_to_shaping"], 2)
    alone = number(share["r_squared_of_shaping_alone"], 2)
    caption = (
        f"First seed, each cost in units of its spread; correlation {rho}, and on the dashed line it would be 1. Shaping is taken from "
        f"both sides first: by itself it explains {alone} of the reference's variance, which is no merit of the learned cost. With the "
        f"learned cost R² is {interval(share['r_squared'])}."
    )
    alt = f"Scatter of what shaping leaves of the reference and of the learned cost, correlation {rho}."
    return Panel("scatter", "Learned against reference, step by step", draw("scatter", paint, HEIGHT + 20), alt, caption)


def coverage_panel(covered: Covered) -> Panel:
    """Where the judgement looked: how the two kinds of roll-outs spread along their widest direction."""
    seen = covered.steps.observation
    spread = seen.std(axis=0)
    scaled = (seen - seen.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    _, directions = np.linalg.eigh(scaled.T @ scaled)
    place = scaled @ directions[:, -1]
    parts = (("learned policies", place[: covered.num_learned], DRAWN.light), ("random actions", place[covered.num_learned :], OTHER.light))
    low, high = (float(end) for end in np.percentile(place, [0.2, 99.8]))
    edges = np.linspace(low, high, 41)

    def paint(axes: Axes) -> None:
        for label, values, color in parts:
            axes.hist(values, edges.tolist(), density=True, histtype="stepfilled", color=color, alpha=0.25, edgecolor="none")
            axes.hist(values, edges.tolist(), density=True, histtype="step", color=color, linewidth=1.8, label=label)
        axes.set_xlabel("observation, along its direction of most spread")
        axes.set_ylabel("density of steps")
        axes.tick_params(colors=INK.light)
        legend_above(axes)

    shared = overlap(*(np.histogram(values, edges)[0].astype(float) for _, values, _ in parts))
    caption = (
        f"A judgement holds where it looked. {covered.num_learned:,} steps of learned policies, "
        f"{len(place) - covered.num_learned:,} of random actions; the two histograms share {number(shared, 2)} of their area."
    )
    return Panel("coverage", "Coverage", draw("coverage", paint), f"Histograms of steps, {number(shared, 2)} of the area shared.", caption)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Area that two histograms share, in [0, 1]; 0 where one of them is empty.

    Example:
        >>> overlap(np.array([1.0, 1.0]), np.array([0.0, 4.0]))
        0.5
    """
    if not first.sum() or not second.sum():
        return 0.0
    return float(np.minimum(first / first.sum(), second / second.sum()).sum())


def _wider(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low)
    return float(low - margin), float(high + margin)


def _named(record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(str(each["seed"]), each) for each in record["seeds"]]


def _reading(record: dict[str, Any]) -> str:
    worst = max(each["starc"]["value"] for each in record["seeds"])
    near = "close to" if worst < 0.25 else "related to" if worst < UNRELATED else "unrelated to, or against,"
    return (
        f"The seed that is furthest off has a STARC distance of {number(worst, 2)}: its cost is {near} the reference, over these "
        "roll-outs. 0 would order all policies alike, 0.71 is unrelated, 1 reverses them."
    )


def _table(record: dict[str, Any]) -> str:
    head = ("seed", "EPIC", "STARC", "R²", "R² of shaping alone", "scale", "Pearson", "Spearman")
    plain = ("r_squared_of_shaping_alone", "scale", "pearson", "spearman")
    rows = [
        (name, *(interval(each[key]) for key in ("epic", "starc", "r_squared")), *(number(each[key], 2) for key in plain))
        for name, each in _named(record)
    ]
    return page.table("Every seed, with 95 % intervals over episodes", head, rows)


def _exact_table(record: dict[str, Any]) -> str:
    rows = [(str(each["seed"]), *(number(each[key], 3) for key in EXACT)) for each in record["exact"]]
    return page.table(
        "Without sampling, every pair of state and action weighed as the roll-outs visited it", ("seed", *EXACT.values()), rows
    )

"""The section "What these data can tell" of ``judgement.html``, and its line on the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from triality.cli.judged_certainty import Certainty
from triality.judging.determined_picture import determined_panel
from triality.runs.report import page
from triality.runs.report.figures import HEIGHT, Panel, draw, legend_above
from triality.runs.report.palette import DATA, DRAWN, MUTED, OTHER
from triality.runs.report.words import number

MOST_ROWS, MOST_BARS, MOST_DOTS = 12, 16, 1500


def section(found: Certainty) -> str:
    """The section as HTML."""
    numbers, title = found.numbers, "What these data can tell"
    if "regions" not in numbers:
        return page.section(title, page.paragraph(_first_upper(numbers["note"]) + "."))
    panels = [visits_panel(numbers), spread_panel(numbers)]
    if found.determined is not None and found.grid is not None:
        panels.append(determined_panel(found.determined.state_level, found.grid))
    if found.pairs is not None:
        panels.append(known_panel(found.pairs, numbers))
    return page.section(
        title,
        page.paragraph(_reading(numbers)),
        page.listing(numbers.get("words", [])),
        page.panels(panels),
        page.table("Regions, most demonstrated first", ("region", "demonstrations", "roll-outs", "seeds' spread"), _rows(numbers)),
        page.table(
            "Minus the cost, along demonstrations, against log pi_E + log(rho_E / rho_pi), in nats",
            ("seed", "error", "bias", "error less bias", "correlation", "size of the ratio", "R² with log pi_E, up to shaping, at scale 1"),
            _known_rows(numbers),
        ),
    )


def line(found: Certainty) -> str:
    """One line for the console."""
    numbers = found.numbers
    if "regions" not in numbers:
        return f"what these data can tell: nothing, since {numbers['note']}"
    said = [f"demonstrations and roll-outs share {numbers['overlap']:.2f} of their states"]
    if numbers["disagreement"] is not None:
        said.append(f"{100.0 * numbers['disagreement']:.0f} % of what shaping leaves is disagreement of seeds")
    if numbers["known_density"]:
        said.append(_of_known(numbers))
    return "what these data can tell: " + "; ".join(said)


def _of_known(numbers: dict[str, Any]) -> str:
    """Of single steps the error in nats, of whole trajectories the share that holds for them."""
    if numbers["level"] == "step":
        name, free = ("error_up_to_constant", ", up to a constant") if numbers["is_constant_free"] else ("error", "")
        worst = max(numbers["known_density"], key=lambda each: each[name])
        return f"f is {worst[name]:.2f} nats off what the known densities say{free} (correlation {worst['correlation']:.2f})"
    least = min(each["r_squared_up_to_shaping"] for each in numbers["known_density"])
    if least < 0.0:
        return "minus the cost is not the recorded log_prob, up to shaping and at its own scale (R² below 0: farther off than a constant)"
    return f"minus the cost explains {least:.2f} of the recorded log_prob's variance, up to shaping and at its own scale (R²)"


def visits_panel(numbers: dict[str, Any]) -> Panel:
    """Where demonstrations and roll-outs of the learned policies go, region by region."""
    shown = numbers["regions"][:MOST_BARS]
    place = np.arange(len(shown))

    def paint(axes: Axes) -> None:
        axes.bar(place - 0.2, [each["demonstrations"] for each in shown], 0.4, color=DATA.light, alpha=0.8, label="demonstrations")
        axes.bar(place + 0.2, [each["roll_outs"] for each in shown], 0.4, color=DRAWN.light, alpha=0.8, label="learned policies")
        _label_regions(axes, len(shown))
        axes.set_ylabel("share of steps")
        legend_above(axes)

    shared = number(numbers["overlap"], 2)
    caption = f"Regions as in the table below, most demonstrated first; together the two share {shared} of their steps{_of_all(numbers)}."
    return Panel("visits", "Who went where", draw("visits", paint), f"Shares of steps by region, {shared} in common.", caption)


def spread_panel(numbers: dict[str, Any]) -> Panel | None:
    """How far seeds disagree, region by region; None where there is one seed."""
    shown = numbers["regions"][:MOST_BARS]
    if numbers["disagreement"] is None:
        return None
    values = np.array([np.nan if each["spread"] is None else each["spread"] for each in shown])

    def paint(axes: Axes) -> None:
        axes.axhline(1.0, color=MUTED.light, linewidth=1.4, linestyle=(0, (5.0, 3.0)), label="as much as a cost varies")
        axes.bar(np.arange(len(values)), values, 0.6, color=OTHER.light, alpha=0.8)
        _label_regions(axes, len(values))
        axes.set_ylabel("standard deviation over seeds")
        legend_above(axes)

    caption = (
        "Each seed's cost less a constant and its best potential, in units of its own spread. High: there the seeds do not tell one cost"
        f"{_of_all(numbers)}. Low is no proof of truth: seeds share data and model."
    )
    alt = "Spread of seeds by region: " + ", ".join(number(value, 2) for value in values) + "."
    return Panel("spread", "Where the seeds disagree", draw("spread", paint), alt, caption)


def known_panel(pairs: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]], numbers: dict[str, Any]) -> Panel:
    """f against what the known densities say, step by step, of the first seed."""
    f, target = pairs
    chosen = np.random.default_rng(0).permutation(len(f))[:MOST_DOTS]
    low, high = np.percentile(np.stack([target, f]), [0.5, 99.5], axis=1)
    ends = np.array([min(low), max(high)])

    def paint(axes: Axes) -> None:
        axes.plot(
            target[chosen], f[chosen], ".", color=DATA.light, markersize=3.5, alpha=0.35, label="a demonstrated step", rasterized=True
        )
        axes.plot(ends, ends, color=MUTED.light, linewidth=1.4, linestyle=(0, (5.0, 3.0)), label="equal")
        axes.set_xlabel("log pi_E + log(rho_E / rho_pi), nats")
        axes.set_ylabel("f, less its mean error, nats" if numbers["is_constant_free"] else "f, minus the learned cost, nats")
        legend_above(axes)

    first = numbers["known_density"][0]
    shifted = "and the constant, which this objective leaves free, is taken away."
    constant = shifted if numbers["is_constant_free"] else "and no constant."
    caption = (
        f"First seed. On the dashed line is the optimum of a discriminator of single steps: no scale is free there, {constant} A cost "
        "of whole trajectories is another quantity, log pi_E up to shaping: see the last column of the table."
    )
    rho, error = (number(first[name], 2) for name in ("correlation", "error"))
    alt = f"Scatter of f against the known densities, correlation {rho}, error {error} nats."
    return Panel("known", "Against the known densities", draw("known", paint, HEIGHT + 20), alt, caption)


def _label_regions(axes: Axes, count: int) -> None:
    axes.set_xticks(range(count), [str(each + 1) for each in range(count)])
    axes.set_xlabel("region")


def _of_all(numbers: dict[str, Any]) -> str:
    rest = len(numbers["regions"]) - MOST_BARS
    return f" (the first {MOST_BARS} of {MOST_BARS + rest} regions are drawn)" if rest > 0 else ""


def _reading(numbers: dict[str, Any]) -> str:
    shares = numbers["shaping_share"]
    said = [f"Shaping and a constant account for {_range(shares)} of the variance of the learned costs; no policy sees that part."]
    if numbers["disagreement"] is None:
        said.append("How far seeds agree is not known: that takes two whose costs are more than shaping.")
    else:
        said.append(f"Of what is left, {number(100.0 * numbers['disagreement'], 2)} % is disagreement of {len(shares)} seeds.")
    if numbers["known_density"]:
        said.append("The demonstrations record their own log density, so that the truth about a discriminator's f is known.")
    return " ".join(said)


def _rows(numbers: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"{place + 1}: {each['name']}",
            number(each["demonstrations"], 2),
            number(each["roll_outs"], 2),
            number(float("nan") if each["spread"] is None else each["spread"], 2),
        )
        for place, each in enumerate(numbers["regions"][:MOST_ROWS])
    ]


def _known_rows(numbers: dict[str, Any]) -> list[tuple[str, ...]]:
    names = ("error", "bias", "error_up_to_constant", "correlation", "size_of_ratio", "r_squared_up_to_shaping")
    first = numbers["first_seed"]
    return [(str(first + place), *(number(each[name], 2) for name in names)) for place, each in enumerate(numbers["known_density"] or [])]


def _range(values: list[float], show: Callable[[float], str] = lambda value: number(value, 2)) -> str:
    return show(values[0]) if len(values) == 1 else f"{show(min(values))} to {show(max(values))}"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]

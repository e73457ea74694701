"""The page of ``generator_independence_pendulum.py`` and its picture, from the record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from result_page import PICTURES, Record

PICTURE = PICTURES / "generator_independence_pendulum.svg"
MODES = {"trained": "Trained along", "fixed": "Fixed"}
FREE = "GAIL, implied: -log D"
UNRELATED, NEAR = np.sqrt(0.5), 100.0
DISTANCES = {"starc": "STARC", "epic": "EPIC"}


def page(record: Record) -> list[str]:
    plot(record, PICTURE)
    lines = ["# Which learned costs depend on the generator, on Pendulum-v1", ""]
    lines += [f"![Distances between costs](../_static/{PICTURE.name})", ""]
    kinds = "between generators: STARC | EPIC | where both imitate: STARC | between seeds: STARC | EPIC | from the true cost: STARC | EPIC"
    for mode, title in MODES.items():
        lines += [f"## {title}", ""]
        found = costs_of(record, mode)
        if not found:
            lines += ["Not run yet.", ""]
            continue
        lines += [f"| cost | {kinds} |", f"|---|{'---:|' * 7}"]
        for cell in cells_of(record, mode).values():
            able = imitating(cell, record["demonstrations_return"])
            lines += [f"| {name} | {' | '.join(_cells(each, able))} |" for name, each in cell["costs"].items()]
        lines += ["", *_generators(record, mode), ""]
    return lines + _prose(record)


def cells_of(record: Record, mode: str) -> dict[str, Any]:
    """What was measured of one mode, by system, in the order in which it was."""
    return {name.split("/")[1]: cell for name, cell in record["cells"].items() if name.startswith(f"{mode}/")}


def costs_of(record: Record, mode: str) -> dict[str, Any]:
    """By name, the comparisons of one mode."""
    return {name: each for cell in cells_of(record, mode).values() for name, each in cell["costs"].items()}


def imitating(cell: dict[str, Any], goal: float) -> set[str]:
    """Generators that ended near the demonstrations, the mean over seeds."""
    return {label for label, returns in cell["returns"].items() if np.mean(returns) > goal - NEAR}


def values(pairs: list[dict[str, Any]], distance: str) -> np.ndarray:
    """Of those pairs of which it is defined."""
    return np.array([pair[distance][0] for pair in pairs if pair[distance] is not None])


def _cells(found: dict[str, Any], able: set[str]) -> list[str]:
    both = [pair for pair in found["between"] if able.issuperset(pair["of"])]
    between, *rest = ([_cell(found[kind], distance) for distance in DISTANCES] for kind in ("between", "within", "truth"))
    return [*between, _cell(both, "starc") if both else "no pair", *(cell for cells in rest for cell in cells)]


def _cell(pairs: list[dict[str, Any]], distance: str) -> str:
    """Mean and range over pairs; how many have no distance."""
    each = values(pairs, distance)
    if not len(each):
        return "undefined"
    left = len(pairs) - len(each)
    return f"{each.mean():.2f} ({each.min():.2f} to {each.max():.2f})" + (f", {left} undefined" if left else "")


def _generators(record: Record, mode: str) -> list[str]:
    """What each generator earned, by system: they are generators of the task, and differ."""
    cells = cells_of(record, mode)
    labels = next(iter(cells.values()))["returns"]
    lines = [f"Returns of sampled actions, by generator, mean over seeds (demonstrations: {record['demonstrations_return']:.0f}):", ""]
    lines += [f"| system | {' | '.join(labels)} |", f"|---|{'---:|' * len(labels)}"]
    for name, cell in cells.items():
        means = [f"{np.mean(cell['returns'][label]):.0f}" for label in labels]
        lines.append(f"| {name} | {' | '.join(means)} |")
    return lines


def _cost_steps(record: Record) -> str:
    """Of each mode, or of each cell where they differ within one."""
    told: dict[str, set[int]] = {mode: {cell["cost_steps"] for cell in cells_of(record, mode).values()} for mode in MODES}
    if all(len(numbers) <= 1 for numbers in told.values()):
        words = [f"{next(iter(numbers)):,} where {MODES[mode].lower()}" for mode, numbers in told.items() if numbers]
    else:
        words = [f"{cell['cost_steps']:,} of {name}" for name, cell in record["cells"].items()]
    return "steps of the cost: " + ", ".join(words)


def half_width(record: Record, distance: str) -> float:
    """Of the 95 % intervals over episodes, the median over all pairs of generators."""
    pairs = [pair for mode in MODES for found in costs_of(record, mode).values() for pair in found["between"]]
    return float(np.nanmedian([0.5 * (pair[distance][2] - pair[distance][1]) for pair in pairs if pair[distance] is not None]))


def _reading(record: Record) -> list[str]:
    """What the figures say of the claim, whichever way they fall: of every density-aware cost beside GAIL's."""
    lines = []
    for mode, title in MODES.items():
        found = {name: float(values(each["between"], "starc").mean()) for name, each in costs_of(record, mode).items()}
        free = found.get(FREE)
        if free is None:
            continue
        for name in (name for name in found if name.startswith("GAN-GCL")):
            nearness = "far nearer" if found[name] < 0.5 * free else "nearer" if found[name] < free else "no nearer"
            lines.append(
                f"- **{title}**: costs of two generators by {name} are {nearness} to each other than GAIL's, "
                f"{found[name]:.2f} against {free:.2f} (STARC, mean over all pairs)."
            )
    return lines


def _prose(record: Record) -> list[str]:
    return [
        *_reading(record),
        "",
        "0 is the same cost up to a positive scale, a constant and shaping, 0.71 unrelated, 1 reversed. Cells: mean and range over pairs.",
        f"*Between generators*: the ten pairs of five generators with the same seed, of {record['seeds']} seeds. *Where both imitate*:",
        f"of those, pairs of generators that ended within {NEAR:.0f} of the demonstrations, the mean over seeds. *Between seeds*: pairs of",
        "seeds of one generator, which differ in first weights and roll-outs alone: as far as two runs are apart anyhow. Generators",
        "*trained along* are a net of 64 x 64, one of 16, a mixture of two Gaussians, one with twice the entropy weight, one that began",
        "at the clone; *fixed* ones are five clones of the demonstrations: one scale everywhere, a net of 16, a mixture, one stopped early",
        "and one with twice the scale. The energy is the same in all: a perceptron of 64 x 64 on the same scaling of observations, with",
        f"other first weights; {record['demonstrations']} demonstrations, {_cost_steps(record)}.",
        f"Both distances are over one coverage: the demonstrations and as many episodes of uniform actions, {record['steps']:,} steps;",
        "potentials of STARC are linear in 3 coordinates and 64 random waves. The 95 % intervals over episodes have a half-width of",
        f"{half_width(record, 'starc'):.3f} (STARC) and {half_width(record, 'epic'):.3f} (EPIC), the median over pairs.",
        "",
        "The theorem is about the optimum over all energies, with expectations: there the density-aware energy is minus the log density of",
        "the demonstrations, whatever the generator, and a free discriminator's logit compares them with one generator.",
        "[On tables](generator_independence.md) that is exact. Here three things come between. Samples: over whole trajectories of 200",
        "steps few roll-outs of a fixed generator decide anything, so that what is learned against one that imitates already is mostly",
        "what 20 demonstrations happen to be; single steps have no such products of ratios, and there the density-aware costs of two",
        "generators are nearest to each other. Steps: against a fixed generator the optimal cost is minus the log density",
        "of the demonstrations, all of it to be learned. And the coverage: clones never go where random actions go, so that on half of it",
        "the cost is whatever the network makes of it; generators that were trained from random have been there. Trained along, GAIL's",
        "costs depend on how far the generator has come: those of the three that imitate badly yet are alike, and far from the others'.",
    ]


def plot(record: Record, target: Path) -> None:
    """One row a cost: a dot for each pair of generators, a tick for each pair of seeds of one generator."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "triality"  # the same file every time
    there = [mode for mode in MODES if costs_of(record, mode)]
    figure = Figure(figsize=(10, 0.8 + 2.0 * len(there)), layout="constrained")
    for row, mode in zip(figure.subplots(len(there), 2, sharex=True, sharey="row", squeeze=False), there, strict=True):
        found = costs_of(record, mode)
        for axes, (distance, title) in zip(row, DISTANCES.items(), strict=True):
            for place, each in enumerate(found.values()):
                between, within = (values(each[kind], distance) for kind in ("between", "within"))
                axes.plot(between, place - 0.12 + _spread(len(between)), "o", color="#b8470e", alpha=0.6, ms=4, label="two generators")
                axes.plot(within, np.full(len(within), place + 0.28), "|", color="#0f6a8f", ms=9, label="two seeds of one generator")
            axes.axvline(UNRELATED, color="0.4", lw=0.9, ls="--", label="unrelated costs")
            axes.set(xlim=(0, 1), title=f"{title}, generators {MODES[mode].lower()}")
            axes.title.set_fontsize(10)
            axes.set_yticks(range(len(found)), list(found))
            axes.grid(axis="x", alpha=0.3)
        row[0].set_ylim(len(found) - 0.5, -0.5)
        for axes in row:
            axes.set_xlabel("distance between the two learned costs" if mode == there[-1] else "")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(target, metadata={"Date": None})


def _spread(num: int) -> np.ndarray:
    """So that dots of one place are told apart; the same every time."""
    return np.random.default_rng(0).uniform(-0.14, 0.14, num)

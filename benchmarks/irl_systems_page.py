"""The page of ``irl_systems``: tables, the rank correlation of STARC with regret, and whether two systems agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.judging import correlation, ranks, stratified_interval

Rows = list[dict[str, Any]]


def page(record: dict[str, Any]) -> list[str]:
    rows = record["rows"]
    lines = ["# Systems of inverse RL on the same tables", ""]
    for kind, title in (("exact", "Exact visits, no prior"), ("sampled", "Sampled demonstrations")):
        lines += [f"## {title}", "", "| system | regret | STARC | EPIC | seconds, median | refused |", "|---|---:|---:|---:|---:|---:|"]
        for system in dict.fromkeys(row["system"] for row in rows):
            lines += _line(system, [row for row in rows if (row["system"], row["visits"]) == (system, kind)])
        lines.append("")
    return lines + _correlations(rows) + _agreement(rows) + _prose(record)


def _line(system: str, rows: Rows) -> list[str]:
    kept = [row for row in rows if "refused" not in row]
    if not rows:
        return []
    cells = [_cell(kept, each) for each in ("regret", "starc", "epic")]
    seconds = f"{np.median([row['seconds'] for row in kept]):.3f}" if kept else "-"
    return [f"| {system} | {' | '.join(cells)} | {seconds} | {len(rows) - len(kept)} of {len(rows)} |"]


def _cell(rows: Rows, name: str) -> str:
    """Mean, with a 95 % interval where every world has several sets of demonstrations."""
    values = [row[name] for row in rows if row[name] is not None]
    if not values:
        return "undefined"
    scores = _by_world(rows, name)
    if scores is None or len(scores) < 3:
        return f"{np.mean(values):.3g}" + ("" if len(values) == len(rows) else f" ({len(values)} of {len(rows)})")
    value, low, high = stratified_interval(scores, lambda each: float(np.mean(each)))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _by_world(rows: Rows, name: str) -> np.ndarray | None:
    """(runs, worlds), or None where a figure is missing."""
    columns = [[row[name] for row in rows if row["world"] == world] for world in dict.fromkeys(row["world"] for row in rows)]
    if len({len(column) for column in columns}) != 1 or any(value is None for column in columns for value in column):
        return None
    return np.array(columns).T


def _correlations(rows: Rows) -> list[str]:
    lines = ["## Do the distances say what regret says?", "", "Spearman's rank correlation with regret, over rows:", ""]
    lines += ["| rows | STARC | EPIC | number |", "|---|---:|---:|---:|"]
    for title, which in (("all", ("exact", "sampled")), ("exact visits", ("exact",)), ("sampled", ("sampled",))):
        kept = [row for row in rows if "refused" not in row and row["epic"] is not None and row["visits"] in which]
        regrets, *distances = (ranks(np.array([row[each] for row in kept])) for each in ("regret", "starc", "epic"))
        found = [correlation(regrets, each, np.ones(len(kept))) for each in distances]
        lines.append(f"| {title} | {found[0]:.3f} | {found[1]:.3f} | {len(kept)} |")
    undefined = sum("refused" not in row and row["epic"] is None for row in rows)
    return [*lines, "", f"Without the {undefined} rows of a cost that is constant, whose EPIC is undefined.", ""]


def _agreement(rows: Rows) -> list[str]:
    """MCE IRL minus GAN-GCL on the same demonstrations, with intervals."""
    lines = ["## Do MCE IRL and GAN-GCL agree?", "", "Paired differences on the same sampled demonstrations, MCE IRL minus the other:", ""]
    lines += ["| other | regret | STARC |", "|---|---:|---:|"]
    of = {name: [row for row in rows if (row["system"], row["visits"]) == (name, "sampled")] for name in {row["system"] for row in rows}}
    for name in ("guided cost", "GAN-GCL, step level"):
        cells = []
        for figure in ("regret", "starc"):
            one, two = (_by_world(of[each], figure) for each in ("MCE IRL", name))
            if one is None or two is None or len(one) < 3:
                return []
            value, low, high = stratified_interval(one - two, lambda each: float(np.mean(each)))
            cells.append(f"{value:+.4f} ({low:+.4f} to {high:+.4f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _prose(record: dict[str, Any]) -> list[str]:
    worlds = {row["world"] for row in record["rows"]}
    num_random = sum(world.startswith("random") for world in worlds)
    return [
        f"Worlds of 16 states: {num_random} random MDPs (4 actions, 3 successors, costs of pairs from a standard normal law), and",
        f"{len(worlds) - num_random} grids with costs of states alone. $\\gamma=0.9$. The expert is the soft optimum of the true cost;",
        f"{record['seeds']} sets of {record['trajectories']} demonstrations of {record['steps']} steps, and its exact visits.",
        f"A Gaussian prior of weight {record['l2']:g} on what is learned from samples, where a system has one. Figures are means over",
        "worlds and sets; intervals 95 %, by a bootstrap within each world. Regret: of the hard optimum, 0 optimal, 1 random.",
        "A system of states alone is handicapped on the random MDPs, where the true cost depends on the action.",
        "A STARC of 0.5 is that of a cost that orders nothing. Cloning's cost is $-\\log\\pi$, whose soft optimum is $\\pi$;",
        "GAIL's is what its last discriminator implies. The linear program refuses where some state was never visited.",
        "EPIC knows no dynamics: it is not blind to a cost that is redistributed over next states, as that of MaxEnt with exact visits is,",
        "and so is far from zero where STARC is zero. Seconds are those of the second call, on a machine that was busy with other work.",
    ]

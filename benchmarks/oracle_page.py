"""The page and the figure of ``seqgan_oracle.py``, from its record, and the published curves where they are at hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from result_page import Record

from triality.runs.report.palette import BAD, DATA, DRAWN, GOOD, INK, MUTED, OTHER, RULE

PUBLISHED = {"random": 10.310, "likelihood": 9.038, "scheduled sampling": 8.985, "SeqGAN": 8.736}
"""NLL_oracle of Yu et al., arXiv:1609.05473, each chosen by NLL_oracle itself."""
BEST_SUM, MLE_POINT, ENTROPY = 15.26, (7.61, 9.40), 5.750
COLORS = {"likelihood": DATA, "committee": GOOD, "scheduled sampling": OTHER, "energy, generator follows": BAD, "SeqGAN": DRAWN}
CURVES = {"mle_cvt": "MLE", "cot": "CoT", "seqgan": "SeqGAN", "leakgan": "LeakGAN"}
"""Stems of the published curves that are drawn (Caccia et al., arXiv:1811.02549), with their names."""


def page(record: Record) -> list[str]:
    """Markdown."""
    methods = record["methods"]
    lines = ["# SeqGAN's oracle", "", "![Both likelihoods by temperature](../_static/seqgan_oracle.svg)", ""]
    if record.get("shorter", 1) > 1:
        lines += [f"**Shortened by {record['shorter']}: to try the script out, no figures.**", ""]
    head = (
        "| method | seeds | NLL_test | NLL_oracle | KL(oracle, model) | KL(model, oracle) | least sum | NLL_oracle, own rule | published |"
    )
    lines += [head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    lines += [_row(name, list(seeds.values())) for name, seeds in methods.items()]
    lines += [
        "",
        f"Nats a token; 10,000 sequences to learn from, 20 tokens, the oracle's entropy {ENTROPY}. Means over seeds, and the range.",
        "*NLL_oracle, own rule*: the least of the whole course, chosen by itself, as SeqGAN's authors report it (*published*,",
        "arXiv:1609.05473); all other columns are of the model that validation likelihood chose, or of a game's last state.",
        "*likelihood* and what begins at it: dropout 0.3, rate 1e-2; *no dropout* and *scheduled sampling*: rate 1e-3.",
        f"*Least sum*: over temperatures; the best published is {BEST_SUM}, by likelihood, and that likelihood's point at temperature 1",
        f"is {MLE_POINT[0]} and {MLE_POINT[1]} (arXiv:1811.02549).",
        *_energy_lines(methods.get("energy over likelihood", {})),
    ]
    return lines


def _row(name: str, seeds: list[dict[str, Any]]) -> str:
    cells = [_spread([seed[field] for seed in seeds]) for field in ("nll_test", "nll_oracle", "kl_forward", "kl_reverse")]
    sums = [min(test + oracle for _, test, oracle in seed["frontier"]) for seed in seeds if "frontier" in seed]
    own = [_own_rule(seed) for seed in seeds if "curve" in seed]
    published = f"{PUBLISHED[name]:.3f}" if name in PUBLISHED else ""
    return f"| {name} | {len(seeds)} | " + " | ".join([*cells, _spread(sums), _spread(own), published]) + " |"


def _own_rule(seed: dict[str, Any]) -> float:
    """Of a game a fresh evaluation of the state that was chosen; of likelihood the least of its course, on the draws that chose it."""
    return seed["by_own_rule"]["nll_oracle"] if "by_own_rule" in seed else min(point["nll_oracle"] for point in seed["curve"])


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def _energy_lines(seeds: dict[str, dict[str, Any]]) -> list[str]:
    if not seeds:
        return []
    gains = [(each["gain"], each["gain_stderr"], each["ess_fraction"]) for each in seeds.values()]
    told = "; ".join(f"{gain:+.4f} ± {1.96 * error:.4f} (effective share {share:.2f})" for gain, error, share in gains)
    return ["", f"What the energy adds to the generator's likelihood on the same test sequences, nats a token, seed by seed: {told}."]


def plot(record: Record, curves: Path, target: Path) -> None:
    """NLL_oracle against NLL_test, a curve a method, over the published ones."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams.update({"svg.hashsalt": "triality", "font.size": 9, "text.color": INK.light, "axes.labelcolor": INK.light})
    picture = Figure(figsize=(7, 5), layout="constrained")
    axes = picture.subplots()
    for stem, name in CURVES.items():
        points = read_curve(curves, stem)
        if len(points):
            axes.plot(points[:, 0], points[:, 1], ":", color=MUTED.light, lw=1.2)
            shown = points[(points[:, 1] < 10.4) & (points[:, 0] < 9.0)]
            if len(shown):
                axes.annotate(f"{name}, published", shown[0], (4, 0), textcoords="offset points", fontsize=7, color=MUTED.light)
    for name, seeds in record["methods"].items():
        for number, seed in enumerate(seeds.values()):
            if "frontier" in seed and name in COLORS:
                _, test, oracle = np.array(seed["frontier"]).T
                axes.plot(test, oracle, ".-", color=COLORS[name].light, lw=1.4, label=None if number else name)
    across = np.array([7.0, 9.0])
    axes.plot(across, BEST_SUM - across, "--", color=MUTED.light, lw=0.9, label=f"best published sum, {BEST_SUM}")
    axes.set(
        xlabel="NLL on the oracle's sequences (nats a token)",
        ylabel="NLL by the oracle of what is drawn (nats a token)",
        xlim=(7.2, 9.2),
        ylim=(5.5, 10.6),
    )
    axes.grid(True, color=RULE.light, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def read_curve(folder: Path, stem: str) -> np.ndarray:
    """(NLL_test, NLL_oracle) at the temperatures that both files have; none where they are absent."""
    sides = []
    for side in ("test", "oracle"):
        file = folder / f"{stem}_{side}.csv"
        if not file.is_file():
            return np.zeros((0, 2))
        with file.open() as rows:
            sides.append({row["Step"]: float(row["Value"]) for row in csv.DictReader(rows)})
    return np.array([(sides[0][step], sides[1][step]) for step in sides[0] if step in sides[1]]).reshape(-1, 2)

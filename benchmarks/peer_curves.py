"""The page and the picture of ``irl_vs_imitation_mujoco.py``, from its record alone."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from result_page import Record

from triality.data.reference_returns import normalized_return
from triality.runs.report.palette import BAD, DATA, DRAWN, INK, MUTED, OTHER, RULE
from triality.runs.report.palette import GOOD as GREEN

GOOD = 0.9
"""Normalized return that counts as having learned."""
RIVALS = {
    "triality AIRL": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality GAN-GCL, step": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality GAN-GCL, trajectory": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality AIRL, tuned": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality GAN-GCL, step, tuned": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality GAN-GCL, trajectory, tuned": ("imitation AIRL", "imitation AIRL, clipped"),
    "triality GAIL": ("imitation GAIL", "imitation GAIL, clipped"),
    "triality BC": ("imitation BC", "imitation BC, clipped"),
}
LEARNED = {"seconds_to_good": "learned", "seconds_in_all": "learned_in_all"}
"""What a run that never got there has spent, on each clock."""
COLORS = {"AIRL": DATA, "GAN-GCL, step": DRAWN, "GAN-GCL, trajectory": BAD, "GAIL": OTHER, "BC": GREEN}

NOT_MATCHED = (
    "**What is not matched.** Each side runs at its own settings, not at equal ones: ours at the command's defaults, or, in the",
    "rows named *tuned*, with three of them chosen on this task for the steps to 0.9. The policies' networks: ours 2 x 64 for",
    "the mean, for the scale and for the value, the peer's 2 x 32 and one scale for all states. The minibatches; the discount",
    "(0.99, the peer's 0.95); the entropy (of weight 1 in our AIRL and GAN-GCL, near 0 in the peer's). The scaling of",
    "observations: ours is fitted once by default, the peer's goes along. The peer's settings were tuned by its authors on",
    "seals/HalfCheetah, for 10 million steps. Our simulators take as many threads as there are cores, all else one; the peer",
    "does everything in one.",
    "",
    "**Actions outside the box.** Ours clips the demonstrated actions to 0.98 of the box, for a squashed policy. The peer's",
    "policy is an unsquashed Gaussian, and it takes demonstrations as they are. But of its own policy it records the actions",
    "*after* they were clipped: its discriminator can tell the sides apart by an action outside the box alone. In the rows",
    "named *clipped* the demonstrations are clipped to the box too, which is what the peer's own roll-outs of an expert would",
    "have recorded.",
)


Figures = dict[str, Any]


def figures(record: Record, run: Record) -> Figures:
    """Of one run. Seconds are those of learning; with what came before it (imports, setting up, compiling) in ``seconds_in_all``."""
    points, scale = run["evaluations"], record["scale"]
    shares = [normalized_return(point["return"], scale["random"], scale["demonstrations"]) for point in points]
    steps, learned = [point["env_steps"] for point in points], points[-1]["seconds"]
    first = next((point for point, share in zip(points, shares, strict=True) if share >= GOOD), None)
    is_cloning = steps[-1] == 0
    found: Figures = {
        "env_steps": steps[-1],
        "learned": learned,
        "learned_in_all": learned + points[-1]["seconds_before"],
        "steps_per_second": None if is_cloning else steps[-1] / learned,
        "end": shares[-1],
        "steps_to_good": first and first["env_steps"],
        "seconds_to_good": first and first["seconds"],
        "seconds_in_all": first and first["seconds"] + first["seconds_before"],
    }
    for name, mark in marks(record).items():
        found[name] = float(np.interp(mark, steps, shares)) if steps[0] <= mark <= steps[-1] else None
    return found


def marks(record: Record) -> dict[str, int]:
    """Environment steps at which the sides are compared: a quarter and half of those asked for, and all."""
    return {f"at {share * record['env_steps'] / 1e6:g} M": int(share * record["env_steps"]) for share in (0.25, 0.5, 1.0)}


def advantage(ours: dict[str, Figures], rivals: list[dict[str, Figures]], name: str) -> str:
    """The rival's seconds over ours, seed by seed, of the rival's quickest variant; a bound where none of them got there.

    Over the seeds that both have. A bound below one says nothing, and is left out.
    """
    ratios, is_bound = [], False
    for seed, own in ours.items():
        others = [each[seed] for each in rivals if seed in each]
        if own[name] is None:
            return ""
        if not others:
            continue
        reached = [other[name] for other in others if other[name] is not None]
        is_bound |= not reached
        ratios.append((min(reached) if reached else min(other[LEARNED[name]] for other in others)) / own[name])
    if not ratios or (is_bound and median(ratios) < 1.0):
        return ""
    return ("> " if is_bound else "") + _spread(ratios, ".1f")


def table(record: Record) -> list[str]:
    """One line a side."""
    found = {side: {seed: figures(record, run) for seed, run in runs.items()} for side, runs in record["runs"].items()}
    named = list(marks(record))
    heads = ["side", "seeds", "env steps", "env steps/s", *(f"return {name}" for name in named), "return at the end"]
    heads += [f"env steps to {GOOD}", f"seconds to {GOOD}", "the same, all included", "peer's seconds over ours", "all included"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for side, by_seed in found.items():
        each = list(by_seed.values())
        late = f"not in {max(one['learned'] for one in each):,.0f} s"
        rivals = [found[name] for name in RIVALS.get(side, ()) if name in found]
        cells = [side, str(len(each)), _column(each, "env_steps", ",.0f"), _column(each, "steps_per_second", ",.0f")]
        cells += [_column(each, name, ".3f") for name in named]
        cells += [_column(each, "end", ".3f"), _column(each, "steps_to_good", ",.0f", "not reached")]
        cells += [_column(each, name, ".1f", late) for name in ("seconds_to_good", "seconds_in_all")]
        cells += [advantage(by_seed, rivals, name) for name in ("seconds_to_good", "seconds_in_all")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(record: Record) -> list[str]:
    runs = record["runs"]
    lines = ["# HalfCheetah-v5 beside imitation", ""]
    if not any(runs.values()):
        return [*lines, "Nothing was measured yet."]
    packages = dict.fromkeys(", ".join(f"{name} {number}" for name, number in _one(each)["packages"].items()) for each in runs.values())
    loads = [one["load_average"] for each in runs.values() for one in each.values()]
    return [
        *lines,
        "![Return against environment steps and against seconds](../_static/imitation_halfcheetah.svg)",
        "",
        *table(record),
        "",
        *_how_to_read(record),
        "",
        *NOT_MATCHED,
        "",
        *_settings(runs),
        "",
        f"Runs one after the other; load average at their starts {min(loads):.1f} to {max(loads):.1f}. {'; '.join(packages)}.",
    ]


def _how_to_read(record: Record) -> list[str]:
    scale, episodes = record["scale"], record["episodes"]
    good = scale["random"] + GOOD * (scale["demonstrations"] - scale["random"])
    return [
        f"{record['num_demos']} demonstrations of {record['demos']}, the same episodes on both sides; {record['outside']:.0%} of the",
        f"file's action coordinates lie outside the box. Returns are normalized: 0 is random actions ({scale['random']:.1f}), 1 the",
        f"demonstrations ({scale['demonstrations']:.1f}), {GOOD} is {good:.0f}. Evaluated in Gymnasium, mean action, {episodes}",
        f"episodes, reset seeds 0 to {episodes - 1}, every {record['evaluate_every']:,} environment steps, outside the clock.",
        "",
        "*Return at*: on a straight line between the two evaluations beside it; empty where a run was over before. *Seconds*: of",
        "learning, at the first evaluation that reached it; *all included*: imports, setting up and compiling too, with nothing",
        f"compiled before. A run ends when it has made {record['env_steps']:,} steps and reached {GOOD}, or after",
        f"{record['limit']:.0f} seconds of learning. *Peer's seconds over ours*: the same algorithm's (of AIRL for GAN-GCL), of the",
        "quicker of its variants; > where none of them got there. Of several seeds: median, and the range. Cloning runs no",
        "environment.",
    ]


def plot(record: Record, target: Path) -> None:
    """Return against environment steps, and against seconds of learning."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams.update({"svg.hashsalt": "triality", "font.size": 9, "text.color": INK.light, "axes.labelcolor": INK.light})
    picture = Figure(figsize=(10, 4.4), layout="constrained")
    panels = picture.subplots(1, 2, sharey=True)
    for side, runs in record["runs"].items():
        who, algorithm = side.split(" ", 1)
        color = COLORS[algorithm.removesuffix(", clipped").removesuffix(", tuned")].light
        style = "--" if who != "triality" else "-" if algorithm.endswith("tuned") or algorithm in ("GAIL", "BC") else "-."
        style = ":" if algorithm.endswith("clipped") else style
        for number, run in enumerate(runs.values()):
            points = run["evaluations"]
            returns, look = [point["return"] for point in points], {"color": color, "ls": style, "lw": 1.4}
            if points[-1]["env_steps"] == 0:
                panels[0].axhline(returns[-1], **look, alpha=0.5)
            else:
                panels[0].plot([point["env_steps"] / 1e6 for point in points], returns, **look, marker=".")
            panels[1].plot([point["seconds"] for point in points], returns, **look, marker=".", label=None if number else side)
    scale = record["scale"]
    for panel in panels:
        for share, words in ((1.0, "demonstrations"), (GOOD, f"{GOOD} of the way")):
            height = scale["random"] + share * (scale["demonstrations"] - scale["random"])
            panel.axhline(height, color=MUTED.light, lw=0.8, ls="-." if share < 1 else "-")
            panel.annotate(words, (0.01, height), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=7)
        panel.grid(True, color=RULE.light, linewidth=0.6)
    panels[0].set(xlabel="environment steps (millions)", ylabel="return (reward an episode of 1,000 steps)")
    panels[1].set(xlabel="time of learning (seconds)", xscale="log")
    picture.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def _settings(runs: Record) -> list[str]:
    """What each side ran with, and how large its networks are."""
    lines = ["| side | parameters of policy and value | of the reward | settings |", "|---|---:|---:|---|"]
    for side, each in runs.items():
        one = _one(each)
        shown = json_words(one.get("options") or one["settings"])
        lines.append(f"| {side} | {one['policy_parameters']:,} | {one.get('reward_parameters', '')} | {shown} |")
    return lines


def json_words(settings: dict[str, Any]) -> str:
    """Nested settings in a line.

    Example:
        >>> json_words({"rate": 0.1, "ppo": {"num_epochs": 5}})
        'rate 0.1, ppo num epochs 5'
    """
    words = []
    for name, value in settings.items():
        shown = json_words(value) if isinstance(value, dict) else f"{value:.4g}" if isinstance(value, float) else str(value)
        words += [f"{name.replace('_', ' ')} {part}" for part in (shown.split(", ") if isinstance(value, dict) else [shown])]
    return ", ".join(words)


def _one(runs: dict[str, Record]) -> Record:
    return next(iter(runs.values()))


def _column(each: list[Figures], name: str, form: str, missing: str = "") -> str:
    values = [one[name] for one in each]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        return _spread(known, form)
    return f"{missing}; {len(known)} of {len(values)}: {_spread(known, form)}" if known else missing


def _spread(values: list[float], form: str) -> str:
    """``median (least to greatest)``; one number where all are equal."""
    middle = f"{median(values):{form}}"
    return middle if min(values) == max(values) else f"{middle} ({min(values):{form}} to {max(values):{form}})"

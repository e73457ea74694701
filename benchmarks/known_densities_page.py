"""The page of ``known_densities.py``, from its record alone: log Z, clipping, calibration. The learned costs are ``known_costs_page``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from known_costs_page import fixed, moving
from known_prose import estimate, item, prose, share
from result_page import Record

RAW, CLIPPED, ATOMS = "raw", "clipped, density of the raw action", "clipped, with the atoms on the bounds"
CHEETAH, HOPPER, CLONE = "HalfCheetah-v5", "Hopper-v5", "cloned from 20 demonstrations"
AGREE = "agree"
ESTIMATORS = ("importance", "acceptance ratio", "reciprocal")
SHOWN_CLIPPED = ("mean moved by 0.05", "noise times 1.1")
BANDS = ((20.0, math.inf), (5.0, 20.0), (0.0, 5.0))


def page(record: Record) -> list[str]:
    cheetah, hopper = (record["tasks"][name] for name in (CHEETAH, HOPPER))
    sections = {
        "": [*INTRODUCTION, "", *expert_words(CHEETAH, cheetah["expert"]), *expert_words(HOPPER, hopper["expert"])],
        "log Z of whole trajectories is zero": [*log_z(cheetah, hopper), "", *log_z_words(cheetah, hopper), "", *blocks(cheetah)],
        "Clipping changes the measure": clipping(cheetah),
        "Is the discriminator calibrated?": [*trajectories_calibrated(cheetah), "", *steps_calibrated(cheetah)],
        "Is a learned cost minus the log density?": [*fixed(record["costs"]["fixed"]), "", *moving(record["costs"]["moving"])],
    }
    lines = ["# Experts whose density is known"]
    for name, content in sections.items():
        lines += ["", *([f"## {name}", ""] if name else []), *content]
    return lines


INTRODUCTION = [
    *prose(
        "Demonstrations hardly ever come with the density that they were drawn from. These do: the experts of HalfCheetah-v5 and",
        "Hopper-v5 are unsquashed Gaussian policies with known weights, and the files hold the log density of every action before the",
        "simulator clips it. With $c=-\\log\\pi_E(u\\vert x)$ a step the model *is* the expert, whatever the dynamics: $\\log Z=0$",
        "exactly, for every start, and the best discriminator of whole trajectories is $\\pi_E/(\\pi_E+\\nu q)$ exactly, for every $q$.",
        "So what an estimator says can be held against the truth.",
    ),
    "",
    *prose(
        "The policies $q$ stand at a graded distance from the expert: its noise multiplied, its mean moved by a fixed number of its own",
        "standard deviations in a direction that turns with the state, or cloned from 20 of the demonstrations. Of the first two",
        "everything is known before a simulator is started: in units of the expert's noise each step adds an independent term of one law",
        "to $\\log w=\\sum_t\\log\\pi_E-\\log q$, whatever the states. Moved by $a$, $\\log w$ of $T$ steps is normal with mean $\\pm",
        "Ta^2/2$ and variance $Ta^2$, and the effective share of the draws is $e^{-Ta^2}$; with the noise times $s$ it is a chi-squared",
        "variable of $kT$ degrees, $k$ the number of action coordinates.",
    ),
]


def expert_words(name: str, found: dict[str, Any]) -> list[str]:
    (mean, error), (fresh, fresh_error) = found["returns"]
    shortest = f" Episodes end when it falls, the first after {found['lengths'][0]} steps." if found["lengths"][0] < 1000 else ""
    return item(
        f"{name}: the weights give back `log_prob` of all recorded actions to {found['error']:.0e}. {found['outside']:.0%} of the action",
        f"coordinates and {found['outside_some']:.0%} of the steps lie outside the box. The demonstrations earn {mean:.0f} ± {error:.0f},",
        f"fresh roll-outs of the same expert {fresh:.0f} ± {fresh_error:.0f}.{shortest}",
    )


def log_z(*tasks: dict[str, Any]) -> list[str]:
    """One row a policy and horizon."""
    lines = [
        "| q | T | KL(expert, q), nats | ESS share: exact, measured | overlap: exact, measured | importance | acceptance ratio "
        "| reciprocal | alarm |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for task, hopper in zip(tasks, ("", "Hopper: "), strict=True):
        for policy, found in task["policies"].items():
            for horizon, cells in found["horizons"].items():
                cell, exact = cells[RAW], cells.get("exact")
                nats = exact["divergence"] if exact else cell["log_weight"][0]
                pairs = " | ".join(f"{share(exact[key]) if exact else '?'}, {share(cell[key])}" for key in ("share", "overlap"))
                estimates = " | ".join(estimate(cell[each]) for each in ESTIMATORS)
                lines.append(f"| {hopper}{policy} | {horizon} | {nats:.2g} | {pairs} | {estimates} | {cell['verdict']} |")
    return lines


def log_z_words(*tasks: dict[str, Any]) -> list[str]:
    cells = [cell[RAW] for task in tasks for found in task["policies"].values() for cell in found["horizons"].values()]
    sides = [[cell for cell in cells if (cell["verdict"] == AGREE) is agreeing] for agreeing in (True, False)]
    worst = max(abs(cell["importance"][0]) for cell in sides[0])
    misfits = sum(cell["verdict"].startswith("model misfit") for cell in cells)
    held = [", ".join(f"{name} {_held(side, name)}" for name in ESTIMATORS) for side in sides]
    policies = tasks[0]["policies"]
    clone, far = policies[CLONE], policies["noise times 1.1"]["horizons"]["1000"]
    ten, whole = (clone["horizons"][horizon][RAW]["log_weight"][0] for horizon in ("10", "1000"))
    return [
        *prose(
            "log Z is 0 everywhere; bold is a 95 % interval that leaves it out. HalfCheetah: 1,800 trajectories of the expert (50 of them",
            "the demonstrations) and 1,750 of $q$ up to $T=50$, 300 and 250 at 200, 100 and 50 at 1,000; Hopper 700 and 650, 200 and 150,",
            "100 and 50. Shorter ones are the beginnings of longer ones. What the alarm calls agreement promises 0.05 nats.",
        ),
        "",
        *item(
            f"**The alarm is right in every row.** It says *agree* {len(sides[0])} times, where importance sampling is off by at most",
            f"{worst:.3f} nats, *too few effective samples* {len(sides[1])} times, and accuses the model {misfits} times, which would be",
            f"wrong. Intervals that hold zero where it agrees: {held[0]}; where it does not: {held[1]}.",
        ),
        *item(
            "**What decides is the divergence of the whole trajectory**, neither the horizon nor the distance a step. For a moved mean",
            "the effective share is $e^{-2\\mathrm{KL}}$: every nat divides the useful draws by seven. Beyond a few nats importance",
            "sampling fails downward and the reciprocal upward, by about the divergence itself, with standard errors near one: that is",
            "the error which one weight that is everything always has. The overlap falls only about as $e^{-\\mathrm{KL}/4}$, so that the",
            "acceptance ratio, which needs expert and $q$ to meet half-way and no further, is worth something ten times as far.",
        ),
        *item(
            "**An effective sample size that is small is not known either.** At $T=1000$ with the noise times 1.1 the exact share is",
            f"{share(far['exact']['share'])}, the measured one {share(far[RAW]['share'])}: one draw in fifty, the least that it can be.",
        ),
        *item(
            f"**A clone that earns {clone['returns'][0]:.0f}, the expert's own return, is {ten:.1f} nats away after ten steps and",
            f"{whole:.0f} after a thousand.** {clone['divergence']:.2f} nats a step are nothing to the return and everything to a density",
            "of trajectories. For a log Z of 1,000 steps within reach of hundreds of roll-outs every action's mean has to be right to a",
            "twentieth of the noise, or the noise itself to two hundredths: the first two policies of the table, which nobody learns from",
            "20 demonstrations.",
        ),
        *item(
            "Episodes that end early (Hopper) do no harm here: where $c$ is minus a normalized log density, $E_q[w]=1$ holds at every",
            "stopping time. With a learned cost it need not.",
        ),
    ]


def _held(cells: list[dict[str, Any]], name: str) -> str:
    return f"{sum(abs(cell[name][0]) <= 1.96 * cell[name][1] for cell in cells)} of {len(cells)}"


def blocks(task: dict[str, Any]) -> list[str]:
    """What 50 and 50 can say: coverage by the effective samples that the alarm reports."""
    rows = np.array([row for found in task["policies"].values() for block in found["blocks"].values() for row in block])
    lines = [
        *prose(
            "**Fifty demonstrations against fifty roll-outs**, which is what one has. HalfCheetah, all policies and horizons in disjoint",
            "blocks: how often the 95 % interval holds zero, by the effective samples that the alarm reports (the least of three counts).",
        ),
        "",
        "| effective samples | blocks | importance | acceptance ratio | reciprocal | agree | misfit |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for low, high in BANDS:
        inside = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        name = f"{low:g} and more" if math.isinf(high) else f"{low:g} to {high:g}"
        holds = " | ".join(f"{each:.0%}" for each in inside[:, 2:].mean(0))
        lines.append(f"| {name} | {len(inside)} | {holds} | {np.sum(inside[:, 1] == 0)} | {np.sum(inside[:, 1] == 1)} |")
    return [
        *lines,
        "",
        *prose(
            "Fifty of each give log Z to 0.05 nats for none of these $q$, and the alarm never says that they do. From twenty effective",
            "samples on the intervals are honest all the same: read them, and not the verdict alone. Below five they are not, but for the",
            "acceptance ratio's, which fail less often. (Blocks share demonstrations over policies, and horizons are beginnings of each",
            "other.)",
        ),
    ]


def clipping(task: dict[str, Any]) -> list[str]:
    lines = [
        "The same trajectories with their actions clipped to the box, as the simulator executes them and as a file may hold them.",
        "",
        "| q | T | the action, and its density | mean log w of the expert, of q | ESS share | importance | acceptance ratio | reciprocal "
        "| alarm |",
        "|---|---:|---|---:|---:|---:|---:|---:|---|",
    ]
    for policy in SHOWN_CLIPPED:
        for horizon in ("10", "50", "200"):
            for name, cell in list(task["policies"][policy]["horizons"][horizon].items())[:3]:
                means = f"{cell['log_weight'][0]:.2f}, {cell['log_weight'][2]:.2f}"
                estimates = " | ".join(estimate(cell[each]) for each in ESTIMATORS)
                lines.append(f"| {policy} | {horizon} | {name} | {means} | {share(cell['share'])} | {estimates} | {cell['verdict']} |")
    near = task["policies"][SHOWN_CLIPPED[0]]["horizons"]["50"][CLIPPED]
    far = [found["horizons"]["200"] for found in task["policies"].values()]
    gains = [1.0 - cells[ATOMS]["log_weight"][0] / cells[RAW]["log_weight"][0] for cells in far]
    values = ", ".join(f"{near[name][0]:.2f}" for name in ESTIMATORS)
    return [
        *lines,
        "",
        *item(
            "**The density of the raw action, taken at the clipped one, is the density of nothing.** On a bound it is the Gaussian's",
            "height there, where the clipped law has an atom: the mass of all that lies beyond. $E_q[w]=1$ is lost, and the error adds up",
            "over steps.",
        ),
        *item(
            f"**The alarm cannot see it.** With the mean moved by 0.05, $T=50$, the three estimates are {values} where log Z is 0, and",
            f"the verdict is *{near['verdict']}*. It sees log ratios and nothing else: a `log_q` that is no density of what is stored",
            "moves all three alike while $q$ is near. This is why `--actions clip` drops `log_prob`, and why `--actions raw` goes with an",
            "unsquashed policy.",
        ),
        *item(
            "**With the atoms all is right again, and better than raw.** What a simulator never sees changes no state; it only blurs the",
            f"weights. Without it the measured divergence at $T=200$ is smaller by {min(gains):.0%} to {max(gains):.0%}. The library has",
            "no such law of clipped actions; a squashed policy avoids the question.",
        ),
    ]


def trajectories_calibrated(task: dict[str, Any]) -> list[str]:
    lines = [
        *prose(
            "Whole trajectories, $D=\\sigma(\\log w-\\log\\nu)$ with log Z = 0. Error: mean distance of predicted and observed share of",
            "demonstrations in ten bins; by chance: the same where labels are drawn by $D$ itself, mean and what 5 % exceed.",
        ),
        "",
        "| q | T | Brier | log loss | error | by chance | error, clipped under the raw density |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    counts = np.zeros(3, int)
    for policy, found in task["policies"].items():
        for horizon in ("10", "50", "200"):
            right, clipped = (found["horizons"][horizon][name]["calibration"] for name in (RAW, CLIPPED))
            mean, most = right["by_chance"]
            counts += [right["error"] > most, clipped["error"] > clipped["by_chance"][1], 1]
            numbers = f"{right['brier']:.3f} | {right['log_loss']:.3f} | {right['error']:.4f} | {mean:.4f} ({most:.4f})"
            lines.append(f"| {policy} | {horizon} | {numbers} | {clipped['error']:.4f} |")
    curve = task["policies"]["noise times 1.1"]["horizons"]["10"][RAW]["calibration"]["curve"]
    shown = ", ".join(f"{predicted:.2f} ({observed:.2f})" for predicted, observed, _, _ in curve)
    return [
        *lines,
        "",
        *prose(
            f"Beyond chance: {counts[0]} of {counts[2]} rows, {counts[1]} with clipped actions. One curve, noise times 1.1, $T=10$,",
            f"predicted (observed): {shown}. At $T=200$ nearly all $D$ are 0 or 1, and right: what is lost with the horizon is overlap,",
            "not calibration.",
        ),
    ]


def steps_calibrated(task: dict[str, Any]) -> list[str]:
    lines = [
        *prose(
            "Single steps of whole episodes. Here $\\pi_E/(\\pi_E+\\nu q)$ is **not** the best discriminator: that has",
            "$f=\\log\\pi_E+\\log(\\rho_E/\\rho_q)$, with the laws of the visited states (D10). The ratio is estimated by a discriminator",
            "of states on 20 episodes a side, and judged on 25 others.",
        ),
        "",
        "| q | sd of the estimated log ratio | error, without it | with it | log loss, without it | with it |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for policy, found in task["policies"].items():
        steps = found["steps"]
        numbers = " | ".join(f"{steps[side][key]:.4f}" for key in ("error", "log_loss") for side in ("without", "with"))
        lines.append(f"| {policy} | {steps['spread']:.2f} | {numbers} |")
    return [
        *lines,
        "",
        *prose(
            "Calibrated is not best. Where the log ratio of an action has one law in every state, as with scaled noise,",
            "$\\pi_E/(\\pi_E+\\nu q)$ is calibrated *exactly* although it leaves out what the states tell: it is the right answer to a",
            "question about actions alone. Only the log loss shows what is missing, and an estimated ratio can lower it and disturb the",
            "calibration at once (noise times 0.9), being itself learned from few episodes. Judge a discriminator of steps by held-out",
            "log loss first.",
        ),
    ]

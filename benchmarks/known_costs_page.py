"""The part of the page of ``known_densities.py`` that is about learned costs."""

from __future__ import annotations

from typing import Any

from known_prose import item, prose

SHOWN_AT = (10, 40)


def fixed(rows: dict[str, Any]) -> list[str]:
    lines = [
        *prose(
            "**Against a fixed $q$**, where the optimum is well defined: the clone, 20 demonstrations against 20 of its episodes, at most",
            "2,000 steps of Adam on the plain discriminator's loss of single steps, the best by 5 other episodes a side; judged on 25",
            "demonstrations that neither clone nor cost has seen. On them $\\log\\pi_E$ varies with a variance of half the action",
            "coordinates, 3, and nothing else: it is a chi-squared variable of the noise.",
        ),
        "",
        "| f | discriminator's loss | correlation with log pi_E | slope on it | rms difference | the same, centered "
        "| correlation with log pi_E and the ratio of visits |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        density = row["density"]
        numbers = f"{density['correlation']:.3f} | {density['slope']:.2f} | {density['rms']:.2f} | {density['centered']:.2f}"
        lines.append(f"| {name} | {row['loss']:.3f} | {numbers} | {row['corrected']['correlation']:.3f} |")
    clone, bare, tilted, exact, best = rows.values()
    gained = (clone["loss"] - tilted["loss"]) / (clone["loss"] - best["loss"])
    return [
        *lines,
        "",
        *item(
            f"**A perceptron of $(x,u)$ is a poor log density**: correlation {bare['density']['correlation']:.2f}, slope",
            f"{bare['density']['slope']:.2f}; its discriminator ({bare['loss']:.2f}) is worse than a coin (1.39). With $s=f-\\log q$ the",
            "network has to reproduce all of $\\log q$ before it can say anything of the difference, and the expert's ridges, a seventh",
            "to a third of the box wide, are steep for 64 by 64 units. The clone, whose *form* is right, reaches",
            f"{clone['density']['correlation']:.2f} from the same demonstrations.",
        ),
        *item(
            f"**Beginning at the clone's density mends it**: $c=-\\log\\pi_0+g$ starts as the coin, ends at {tilted['loss']:.3f}, and so",
            f"takes {gained:.0%} of what there is to take down to {best['loss']:.3f}.",
        ),
        *item(
            "**What the tilt learns first is where the clone goes, not what the expert's density is.** Its correlation with $\\log\\pi_E$",
            f"is lower than the clone's ({tilted['density']['correlation']:.3f} against {clone['density']['correlation']:.3f}), with",
            f"$\\log\\pi_E+\\log(\\rho_E/\\rho_q)$ higher ({tilted['corrected']['correlation']:.3f} against",
            f"{clone['corrected']['correlation']:.3f}). That is D10's optimum, seen from both sides. The ratio of visits is worth",
            f"{exact['loss'] - best['loss']:.3f} of loss, the density itself {clone['loss'] - exact['loss']:.3f}.",
        ),
    ]


def moving(rows: dict[str, Any]) -> list[str]:
    lines = [
        *prose(
            "**While the policy learns**: it begins as the clone and is improved on the cost by PPO, entropy with weight one, unsquashed,",
            "raw actions; 8 roll-outs, 15 steps of the cost on 4,096 pairs a side and 4 passes of PPO an iteration; one seed.",
        ),
        "",
        "| cost | iteration | return | correlation of f with log pi_E | slope | rms, centered | correlation of the policy's log pi "
        "| KL(expert, policy) a step |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        for at in row["trace"]:
            if at["iteration"] in SHOWN_AT:
                cost, policy = at["cost"], at["policy"]
                numbers = f"{cost['correlation']:.3f} | {cost['slope']:.2f} | {cost['centered']:.2f} | {policy['correlation']:.3f}"
                lines.append(f"| {name} | {at['iteration']} | {at['return']:.0f} | {numbers} | {at['divergence']:.2f} |")
    return lines

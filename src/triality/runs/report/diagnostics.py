"""Curves of health: what each number means, what is healthy, and where it stood at the end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from triality.runs.report.curves import Curves
from triality.runs.report.figures import Panel, curve, draw, last_range, legend_above, plain_log, reference, show_steps
from triality.runs.report.method import Method
from triality.runs.report.palette import DATA, DRAWN
from triality.runs.report.words import MINUS, number


class Diagnostic(NamedTuple):
    """One metric and how it is shown.

    Fields:
        field: its name in ``metrics.jsonl``.
        title: heading.
        label: axis label with the unit.
        meaning: what the number is.
        healthy: which values are good, and what bad ones say.
        scale: of the vertical axis, matplotlib's name.
        mark: a value to draw a line at, and its label.
    """

    field: str
    title: str
    label: str
    meaning: str
    healthy: str
    scale: str = "linear"
    mark: tuple[float, str] | None = None


WEIGHTS = (
    Diagnostic(
        "ess",
        "Effective sample size",
        "effective samples",
        f"How many equally weighted roll-outs (per state-action: steps) the weights exp({MINUS}cost)/q are worth.",
        "Healthy: above 20, where error bars begin to mean something. Near 1 a single one decides every estimate.",
        "log",
        (20.0, "enough for error bars"),
    ),
    Diagnostic(
        "ess_fraction",
        "Effective share of the samples",
        "effective share (no unit)",
        "The effective sample size as a share of the samples compared.",
        "Healthy: above 0.1 and steady; 1 means that the policy is the model. A fall over the run says that the cost outruns the policy.",
        "log",
    ),
    Diagnostic(
        "log_weight_std",
        "Spread of the log weights",
        "standard deviation (nats)",
        f"Standard deviation of {MINUS}cost {MINUS} log q over the roll-outs: how far the policy is from the model that its cost defines.",
        "Healthy: below about 1 nat, where importance weights are useful. Tens of nats are usual with whole trajectories of 200 steps.",
        "log",
        (1.0, "weights are useful below"),
    ),
    Diagnostic(
        "overlap",
        "Overlap",
        "overlap (no unit)",
        f"Mean over the demonstrations of 1 {MINUS} D, with D the discriminator's probability of “demonstration” at the solved log Z.",
        "0: told apart with certainty, and the discriminator's gradient vanishes. Healthy: near nu/(1+nu), which is 1/2 for equal numbers, "
        "where nu is the number of roll-outs over demonstrations.",
    ),
    Diagnostic(
        "log_overlap",
        "Overlap, logarithm",
        "log overlap (nats)",
        "The logarithm of the overlap, which still moves where the overlap itself has sunk to zero.",
        f"Healthy: above about {MINUS}3. A steady fall means that demonstrations and roll-outs separate faster than the policy follows.",
    ),
    Diagnostic(
        "accuracy",
        "Accuracy of the discriminator",
        "accuracy (no unit)",
        "Share told right, demonstrations and roll-outs counting half each.",
        "Healthy: between 0.5, where nobody can tell them apart, and about 0.9. At 1 little is learned from a sample.",
        "linear",
        (0.5, "cannot be told apart"),
    ),
    Diagnostic(
        "log_z",
        "log Z while learning",
        "log Z (nats)",
        "The logarithm of the partition function that the last cost step used; where it is one a start state, their mean.",
        "It has no healthy value: it moves with the cost. Healthy is that it settles. It is no sign of the return.",
    ),
    Diagnostic(
        "power",
        "Power of the weights",
        "power (no unit)",
        "The exponent that tempers the importance weights so that enough of the sample size is kept.",
        "1: the weights are used as they are. Near 0 they are nearly equal: then the variance is small and the bias large.",
        "linear",
        (1.0, "untempered"),
    ),
    Diagnostic(
        "ess_decision",
        "Effective sample size of a decision",
        "effective samples of a start",
        "How many equally weighted roll-outs the weights of one time step are worth, on average over the steps; of one start's "
        "roll-outs, where starts are told apart.",
        "Healthy: well above 1. The first steps' weights are good for longer than the last one's, which is that of the whole trajectory.",
        "log",
    ),
    Diagnostic(
        "twist_explained",
        "What the soft value explains",
        "explained variance (no unit)",
        "How much of the spread of the soft return-to-go the value inside the weights predicted.",
        "1 is perfect, 0 is no better than a constant. It is the value of the policy, not of the model, so 1 makes no weight exact.",
        "linear",
        (0.0, "no better than a constant"),
    ),
)

POLICY = (
    Diagnostic(
        "entropy",
        "Entropy of the policy",
        "entropy (nats per step)",
        "How random the policy's actions are; for continuous actions it may be negative.",
        "It falls as the policy sharpens, then settles.",
    ),
    Diagnostic(
        "kl",
        "Step of the policy",
        "KL old to new (nats per step)",
        "How far one update moves the policy.",
        "Healthy: below about 0.05. Larger steps follow a cost that was fitted for another policy.",
        "linear",
        (0.05, "healthy below"),
    ),
    Diagnostic(
        "clip_fraction",
        "Clipped share",
        "share of steps (no unit)",
        "Share of steps whose probability ratio left PPO's clip range.",
        "Healthy: below about 0.3. Above it, the updates fight the clip: lower the policy's learning rate.",
        "linear",
        (0.3, "healthy below"),
    ),
    Diagnostic(
        "explained_variance",
        "Explained variance of the value",
        "explained variance (no unit)",
        "How much of the spread of returns under the learned cost the value function predicted.",
        "1 is perfect, 0 is no better than a constant, below 0 is worse. Low values make noisy policy updates.",
        "linear",
        (0.0, "no better than a constant"),
    ),
    Diagnostic(
        "scaling_moved",
        "Move of the scaling",
        "largest move (in its own units)",
        "How far the scaling of observations moved after an iteration: the policy, the cost and the value change with it.",
        "Healthy: falling, and below about 0.1 after the first iterations.",
        "log",
        (0.1, "healthy below"),
    ),
    Diagnostic(
        "soft_value",
        "Soft value",
        "soft value (nats)",
        "What the policy still has to earn, discounted, under the learned cost and with its entropy, over the transitions that soft "
        "actor-critic learns from.",
        "It has no healthy value: it moves with the cost. Healthy is that it settles; a run-away says that the action values diverge.",
    ),
    Diagnostic(
        "twin_gap",
        "Gap of the action values",
        "difference (nats per step)",
        "How far the two action values of soft actor-critic are apart, in units of the effective horizon.",
        "Healthy: far below the cost of a step. A wide gap says that the values are guesses where the policy goes.",
    ),
    Diagnostic(
        "online_loss",
        "Loss where the policy goes",
        "loss (nats per step)",
        "Negative log-likelihood of the expert's answers on the round's own roll-outs, under the policy that drew them.",
        "Healthy: falling to what the kind of policy cannot do better. This is what DAgger's guarantee is about.",
    ),
    Diagnostic(
        "num_labels",
        "Size of the data set",
        "labeled steps",
        "Demonstrated steps, and every step at which the expert was asked.",
        "It grows by the steps of each round.",
    ),
    Diagnostic(
        "negative_log_likelihood",
        "Negative log-likelihood of the data",
        "loss (nats per step)",
        "What cloning minimizes, on demonstrated steps, and with DAgger on those at which the expert was asked.",
        "Lower fits better, without bound where a policy sharpens onto a deterministic expert. It is no sign of the return.",
    ),
)


def weight_panels(curves: Curves) -> list[Panel]:
    """Everything about the weights that was logged. The log of the overlap is shown where the overlap itself is too small to see."""
    shown = [each for each in WEIGHTS if curves.has(each.field)]
    if curves.has("log_z") and not np.nan_to_num(curves.values["log_z"]).any():  # logged as zero where there is none
        shown = [each for each in shown if each.field != "log_z"]
    if curves.has("overlap") and curves.has("log_overlap") and np.nanmin(curves.band("log_overlap").median) > -4:
        shown = [each for each in shown if each.field != "log_overlap"]
    return [diagnostic_panel(curves, each) for each in shown]


def policy_panels(curves: Curves, method: Method) -> list[Panel]:
    """Everything about the policy's updates that was logged; the move of the scaling only where it moves."""
    shown = [each for each in POLICY if curves.has(each.field)]
    if curves.has("scaling_moved") and not np.nan_to_num(curves.values["scaling_moved"]).any():
        shown = [each for each in shown if each.field != "scaling_moved"]
    return [diagnostic_panel(curves, each, method.remarks.get(each.field, "")) for each in shown]


def cost_panel(curves: Curves) -> Panel | None:
    """Mean learned cost of a step, demonstrations beside roll-outs."""
    sides = (("cost_data", "demonstrations", DATA.light), ("cost_drawn", "learned policy", DRAWN.light))
    shown = [side for side in sides if curves.has(side[0])]
    if not shown:
        return None

    def paint(axes: Axes) -> None:
        x, label = horizontal(curves)
        for field, name, color in shown:
            curve(axes, x, curves.values[field], color, name)
        axes.set_xlabel(label)
        axes.set_ylabel("mean learned cost (nats per step)")
        legend_above(axes)

    ends = ", ".join(f"{name} {_end(curves, field)}" for field, name, _ in shown)
    caption = (
        "While the policy is behind, its roll-outs cost more than the demonstrations. The curves meet when the policy has caught up. "
        f"The level means nothing, since a constant can be added to a cost; the gap does. At the end: {ends}."
    )
    alt = f"Mean learned cost at the end: {ends}, nats per step."
    return Panel("step-cost", "Learned cost of a step", draw("step-cost", paint), alt, caption)


def diagnostic_panel(curves: Curves, each: Diagnostic, remark: str = "") -> Panel:
    """One metric over the run; ``remark`` is what the caption adds for this method."""
    table = curves.values[each.field]
    finite = table[np.isfinite(table)]
    # A log scale has no place for zero or below, and too few labels over less than a decade: both are shown on the plain scale.
    scale = each.scale if finite.min() > 0 and finite.max() > 10 * finite.min() else "linear"

    def paint(axes: Axes) -> None:
        x, label = horizontal(curves)
        curve(axes, x, table)
        if scale == "log":
            plain_log(axes)
        else:
            axes.locator_params(axis="y", nbins=6)
        if each.mark is not None:
            reference(axes, *each.mark)
        axes.set_xlabel(label)
        axes.set_ylabel(each.label)
        legend_above(axes)

    end = f"At the end: {_end(curves, each.field)}."
    name = each.field.replace("_", "-")
    caption = " ".join(part for part in (each.meaning, each.healthy, remark, end) if part)
    return Panel(name, each.title, draw(name, paint), f"{each.title} over the run. {end}", caption)


def horizontal(curves: Curves) -> tuple[np.ndarray, str]:
    """Environment steps where they were logged and move, iterations otherwise (cloning takes no steps)."""
    steps = curves.axis("env_steps")
    if steps is not None and np.nanmax(steps, initial=0.0) > 0:
        return show_steps(steps)
    return curves.iterations.astype(float), "iteration"


def _end(curves: Curves, field: str) -> str:
    last = last_range(curves.band(field))
    assert last is not None, "the caller checked that there are numbers"
    spread = f" (seeds {number(last[1])} to {number(last[2])})" if len(curves.seeds) > 1 else ""
    return number(last[0]) + spread

"""Curves of health of an energy and its generator: what each number means, what is healthy, and where it stood at the end."""

from __future__ import annotations

from triality.runs.report.curves import Curves
from triality.runs.report.diagnostics import Diagnostic, diagnostic_panel
from triality.runs.report.figures import Panel
from triality.runs.report.words import MINUS

GAME = (
    Diagnostic(
        "ess_fraction",
        "Effective share of the draws",
        "effective share (no unit)",
        f"The effective sample size of the weights exp({MINUS}E)/q over the step's draws, as a share of them.",
        "Healthy: toward 1, where the generator is the model. Below 0.1 every weighted number is in doubt. A missed mode does not show.",
    ),
    Diagnostic(
        "log_weight_std",
        "Spread of the log weights",
        "standard deviation (nats)",
        f"Standard deviation of {MINUS}E {MINUS} log q over the step's draws.",
        "Healthy: below about 1 nat, where importance weights are useful.",
        "linear",
    ),
    Diagnostic(
        "overlap",
        "Overlap",
        "overlap (no unit)",
        f"Mean over the minibatch of data of 1 {MINUS} D, with D the discriminator's probability of “data”.",
        "Healthy: toward 1/2, where data and draws cannot be told apart. Near 0 they are told apart with certainty and nothing is learned.",
        "linear",
        (0.5, "cannot be told apart"),
    ),
    Diagnostic(
        "log_z",
        "log Z while learning",
        "log Z (nats)",
        "The one that the objective used at that step.",
        "It has no healthy value; healthy is that it settles. The table above estimates it on fresh draws.",
    ),
    Diagnostic(
        "energy_data",
        "Energy of the data",
        "mean energy (nats)",
        "Mean energy of the minibatch of data.",
        "Its level means nothing without log Z. A dive without end says that the energy runs away, as with kim-bengio where the generator "
        "does not keep up.",
    ),
    Diagnostic(
        "energy_drawn",
        "Energy of the draws",
        "mean energy (nats)",
        "Mean energy of the step's draws.",
        "Healthy: it meets that of the data as the generator learns. A generator that stands still is told from the data for ever.",
    ),
    Diagnostic(
        "energy_chains",
        "Energy of the chains",
        "mean energy (nats)",
        "Mean energy where the Markov chains ended.",
        "Healthy: near that of the data. Far below it, the chains have run off and learning with them.",
    ),
    Diagnostic(
        "acceptance",
        "Acceptance of the chains",
        "share of steps (no unit)",
        "Share of proposals of the Markov chains that were accepted; 1 for Gibbs.",
        "Healthy: between 0.4 and 0.8 for Langevin steps. Near 0 the chains stand still, and their negatives are stale.",
    ),
)


def game_panels(curves: Curves) -> list[Panel]:
    """Everything of the game that was logged."""
    return [diagnostic_panel(curves, each) for each in GAME if curves.has(each.field)]

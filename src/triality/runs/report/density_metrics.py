"""What every metric of a density run is, in words, and which way is better: the one table of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from triality.runs.report.words import number


class Metric(NamedTuple):
    """One metric.

    Fields:
        title: its name, for people.
        generator, energy: names in the summary, of either; empty where there is none.
        better: which way.
        meaning: in a sentence.
    """

    title: str
    generator: str
    energy: str
    better: str
    meaning: str


METRICS = (
    Metric(
        "test log likelihood", "generator_test_log_likelihood", "test_log_likelihood", "higher", "nats a sample, in the units of the data"
    ),
    Metric("its standard error", "generator_stderr", "test_log_likelihood_stderr", "", "nats, of the draw of the test data"),
    Metric("before the energy", "likelihood_generator_test_log_likelihood", "", "higher", "the generator as likelihood left it"),
    Metric("gain", "", "gain", "higher", "of the energy over that generator on the same rows, nats a sample"),
    Metric("standard error of the gain", "", "gain_stderr", "", "nats; beyond about two of them the gain is no accident of the test rows"),
    Metric("rows of density zero", "num_impossible", "", "0", "test rows that the generator cannot make"),
    Metric("bits a dimension", "", "bits_per_dim", "lower", "the likelihood in the unit of images"),
    Metric("KL(target, model)", "generator_kl_forward", "kl_forward", "lower", "nats; grows with what is missed"),
    Metric(
        "KL(model, target)", "generator_kl_reverse", "", "lower", "nats; grows with what is invented, and is small where modes are dropped"
    ),
    Metric("modes", "generator_modes", "modes", "all", "with a draw within three standard deviations, of 2,500 draws"),
    Metric("high quality", "generator_high_quality", "high_quality", "higher", "share of draws within three standard deviations of a mode"),
    Metric("KL of the modes", "generator_kl_histogram", "kl_histogram", "lower", "nats; 0 = every mode has its share"),
    Metric("MMD squared", "generator_mmd_squared", "mmd_squared", "near 0", "Gaussian kernel of median width; may be negative by chance"),
    Metric(
        "p-value of MMD",
        "generator_mmd_p_value",
        "mmd_p_value",
        "not small",
        "of the permutation test: below .05 the samples differ from data",
    ),
    Metric(
        "classifier accuracy",
        "generator_classifier_accuracy",
        "classifier_accuracy",
        "near .5",
        "of nearest neighbors on held-out rows; .5 = data and samples cannot be told apart, 1 = they are with certainty",
    ),
    Metric(
        "p-value of the classifier",
        "generator_classifier_p_value",
        "classifier_p_value",
        "not small",
        "of that accuracy under guessing: small = the samples differ from data (equal laws: below .05 once in twenty); large is no proof",
    ),
    Metric("Wasserstein-2", "generator_wasserstein_2", "wasserstein_2", "lower", "standardized units; not zero even for equal laws"),
    Metric("precision", "generator_precision", "precision", "near 1", "share of samples near data"),
    Metric("recall", "generator_recall", "recall", "near 1", "share of data near samples"),
    Metric("density", "generator_density", "density", "near 1", "as precision, and blind to outliers of the data"),
    Metric("coverage", "generator_coverage", "coverage", "near .97", "share of data with a sample among its five nearest neighbors"),
    Metric(
        "spurious mass",
        "generator_spurious_mass",
        "spurious_mass",
        "at most .01",
        "probability of places far from all data that are as likely as data: above .01 there are wells that data never asked for",
    ),
    Metric("its standard error", "generator_spurious_mass_stderr", "spurious_mass_stderr", "lower", "blind to wells that no proposal hit"),
    Metric("effective share", "", "ess_fraction", "near 1", "of draws under the weights p/q; blind to modes that the generator misses"),
    Metric(
        "effective share from data",
        "",
        "forward_share",
        "near 1",
        "the same seen from test data: far below the one above, a mode is missed",
    ),
    Metric("spread of log weights", "", "log_weight_std", "near 0", "nats, over draws; above 1 weights begin to fail"),
    Metric("overlap", "", "overlap", "near .5", "mean of 1 - D over test data; .5 = cannot be told apart"),
    Metric("calibration error", "", "calibration_error", "near 0", "mean gap between D and the observed share of data"),
    Metric("steps per second", "likelihood_steps_per_second", "energy_steps_per_second", "higher", "of either stage, compilation left out"),
)


def metric_rows(
    metrics: Sequence[Metric], value_of: Callable[[str], float], seeds_of: Callable[[str], np.ndarray]
) -> list[tuple[str, str, str, str, str]]:
    """Lines of a table of metrics: those for which any number is known.

    Args:
        metrics: one a line.
        value_of: the mean over seeds of a name in the summary, NaN where it has none.
        seeds_of: the same of every seed.
    """
    rows = []
    for each in metrics:
        cells = [_cell(value_of(name), seeds_of(name)) if name else "" for name in (each.generator, each.energy)]
        if any(cell not in ("", number(math.nan)) for cell in cells):
            rows.append((each.title, *cells, each.better, each.meaning))
    return rows


def _cell(value: float, seeds: np.ndarray) -> str:
    known = seeds[np.isfinite(seeds)]
    spread = f" ({number(float(known.min()), 4)} to {number(float(known.max()), 4)})" if known.size > 1 else ""
    return number(value, 4) + spread

"""The report of ``triality ebm``: what was learned, what it is worth, and whether its log Z can be trusted."""

from __future__ import annotations

import math
from pathlib import PurePath

from triality.runs.report import page
from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.density_diagnostics import game_panels
from triality.runs.report.density_metrics import METRICS
from triality.runs.report.density_panels import energy_panel, landscape_panels, learning_panel, sample_panels
from triality.runs.report.density_sections import (
    Judged,
    framed,
    metric,
    metrics_section,
    notes_section,
    of_seeds,
    setting_section,
    trust_section,
)
from triality.runs.report.page import KeyNumber
from triality.runs.report.record import RunRecord
from triality.runs.report.words import alarm_verdict, duration, number, seed_phrase, to_error

GENERATOR, ENERGY, BEFORE = "generator_test_log_likelihood", "test_log_likelihood", "likelihood_generator_test_log_likelihood"
RIM = 0.01
"""Spurious mass that even the data's own law has."""


def render_density(record: RunRecord) -> str:
    """The report as HTML."""
    parts = (notes_section, _samples, _energy, trust_section, _numbers, _learning, setting_section)
    return framed(record, _title(record), Judged(_result, _level, _key_numbers), parts, "Densities from data")


def _title(record: RunRecord) -> tuple[str, str]:
    config = record.config
    source = config.get("target") or PurePath(str(config.get("data", "data"))).name
    title = " · ".join(str(part) for part in (source, config.get("generator"), config.get("objective")) if part)
    seeds = config.get("seeds", 1)
    kinds = {"continuous": "numbers", "integer": "integers", "binary": "0 and 1"}
    of = kinds.get(str(config.get("kind")), "numbers")
    match config.get("image"):
        case [height, width]:
            what = f"images of {height} by {width} pixels, {of}"
        case _:
            what = f"{config.get('dim', '?')} columns of {of}"
    return title, f"{what}{_rows(record)}, {seeds} seed{'' if seeds == 1 else 's'}"


def _rows(record: RunRecord) -> str:
    """How many rows each part of the data has; nothing where the summary does not say."""
    given = (record.summary or {}).get("iqm")
    counts = [given.get(f"num_{part}") for part in ("train", "valid", "test")] if isinstance(given, dict) else [None]
    if not all(isinstance(count, int) for count in counts):
        return ""
    return ", {:,} rows to train on, {:,} to choose by, {:,} to test".format(*counts)


def _result(record: RunRecord) -> str:
    energy, generator, before = (metric(record, name) for name in (ENERGY, GENERATOR, BEFORE))
    said = f"The generator alone reaches {number(before, 5)} nats a sample on test data."
    if not record.estimates:
        return f"{said} After the adversarial game it reaches {number(generator, 5)}. This objective learns no density of its own."
    gain, error = metric(record, "gain"), metric(record, "gain_stderr")
    if abs(gain) < 1e-9:
        return f"{said} No energy was better on validation data: the generator itself is the result, and log Z is 0."
    better = "better" if gain > 0 else "worse"
    sure = "" if abs(gain) > 1.96 * error else ", which test data of this size cannot tell from nothing"
    by = f"{to_error(abs(gain), 1.96 * error)} ± {number(1.96 * error, 2)}"
    reached = f"The energy reaches {number(energy, 5)} nats a sample on test data, {by} {better} than the generator alone{sure}."
    charged = "the exact log Z" if "exact" in record.estimates else "the upper end of the 95 % interval of log Z by importance sampling"
    return f"{reached} It is charged {charged}."


def _level(record: RunRecord) -> str:
    level = alarm_verdict(record).level
    gain, error = metric(record, "gain"), metric(record, "gain_stderr")
    return "bad" if gain < -1.96 * error else level


def _key_numbers(record: RunRecord) -> list[KeyNumber]:
    interval = bootstrap_interval(of_seeds(record, ENERGY))
    spread = f"95 % interval {number(interval[0], 5)} to {number(interval[1], 5)}" if interval else seed_phrase(len(record.seeds))
    verdict = alarm_verdict(record)
    stderr = metric(record, "test_log_likelihood_stderr")
    log_z_of = "nats, of the energy" + (" on standardized columns" if record.config.get("kind") == "continuous" else "")
    numbers = [
        KeyNumber("test log likelihood, energy", number(metric(record, ENERGY), 5) if record.estimates else number(math.nan), spread),
        KeyNumber("generator in the end", number(metric(record, GENERATOR), 5), "nats a sample, test data"),
        KeyNumber("standard error", number(stderr, 2), "nats, of the draw of the test data"),
        KeyNumber("bits a dimension", number(metric(record, "bits_per_dim"), 4), "lower is better"),
        KeyNumber("log Z", number(math.nan if verdict.doubt else record.total("log_z"), 4), log_z_of),
        KeyNumber("effective share", number(metric(record, "ess_fraction"), 3), "of draws, by their weights; 1 is best"),
        KeyNumber("energy steps per second", number(metric(record, "energy_steps_per_second")), "compilation left out"),
        KeyNumber("time", duration(record.total("seconds")), "compilation and evaluation included"),
    ]
    return [each for each in numbers if each.value != number(math.nan)]


def _samples(record: RunRecord) -> str:
    return page.section("Do the samples look like the data?", page.panels(sample_panels(record.arrays)))


def _energy(record: RunRecord) -> str:
    shown = [*landscape_panels(record.arrays), energy_panel(record.arrays)]
    return page.section("What was learned?", page.paragraph(_wells(record)), page.panels(shown))


def _wells(record: RunRecord) -> str:
    """Is energy low where there are no data? Nothing where it was not asked."""
    mass, error = metric(record, "spurious_mass"), metric(record, "spurious_mass_stderr")
    if not math.isfinite(mass):
        return ""
    said = (
        f"Where there are no data: the energy puts {number(mass, 2)} ± {number(1.96 * error, 2)} of its probability on places far from all "
        f"data that it finds as likely as data (the generator {number(metric(record, 'generator_spurious_mass'), 2)}). A right one puts at "
        "most 0.01 there, the rim of the data."
    )
    place = record.arrays.get("lowest_far")
    if mass - 1.96 * error <= RIM or place is None or place.ndim != 1:
        return said
    names = record.arrays.get("names")
    labels = [str(name) for name in names] if names is not None and len(names) == len(place) else [f"x{i}" for i in range(len(place))]
    at = ", ".join(f"{label} = {number(float(value), 3)}" for label, value in zip(labels, place, strict=True))
    at += ", ..." if record.config.get("dim") != len(place) else ""
    return (
        f"{said} This is more: it has wells that data never asked for, the lowest place of the first seed at {at}. Only draws from there "
        "push them up: let the generator follow (--objective gan), or widen it (--sampler-gradient alpha)."
    )


def _learning(record: RunRecord) -> str:
    before = record.config.get("generator_steps", 0)
    panels = [learning_panel(record.curves, before if isinstance(before, int) else 0), *game_panels(record.curves)]
    return page.section("How did it learn?", page.panels(panels))


def _numbers(record: RunRecord) -> str:
    return metrics_section(record, METRICS)

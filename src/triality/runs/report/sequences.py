"""The report of ``triality seq``: how likely held-out sequences are, what the draws look like, and whether log Z can be trusted."""

from __future__ import annotations

import math
from pathlib import PurePath

from triality.runs.report import page
from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.density_panels import energy_panel, learning_panel
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
from triality.runs.report.sequence_metrics import METRICS
from triality.runs.report.sequence_panels import frontier_panel
from triality.runs.report.words import alarm_verdict, duration, number, seed_phrase, to_error

ORACLE = "oracle:"
WITH_ENERGY = ("nce", "gan", "mixer", "actor-critic")
COURSES = {
    "seqgan": "The second part is the critic's, which is no density: nothing is to be read there. The generator of the last step is kept.",
    "mixer": "Then, in the third part, the generator while it learns from the reward; there the last step is kept.",
    "actor-critic": "Then, in the third part, the generator while it learns from the critic; there the last step is kept.",
}
"""What validation says of objectives that go on after the energy, or learn none."""
SIDES = (("data", "Held-out sequences"), ("drawn", "Drawn by the generator"), ("picked", "Of the energy: draws picked by their weights"))


def render_sequences(record: RunRecord) -> str:
    """The report as HTML."""
    parts = (notes_section, _samples, _frontier, _energy, _numbers, _learning, setting_section)
    return framed(record, _title(record), Judged(_result, _level, _key_numbers), parts, "Sequences")


def _title(record: RunRecord) -> tuple[str, str]:
    config = record.config
    source = PurePath(str(config.get("data", "")).removeprefix(ORACLE)).name
    size = f"{number(len_of(config.get('num_train')))} training sequences of at most {config.get('found_length', '?')} tokens"
    seeds = config.get("seeds", 1)
    kinds = f"{config.get('found_vocabulary', '?')} different ones"
    title = f"{source} · {config.get('generator')} · {config.get('objective')}"
    return title, f"{size}, {kinds}, {seed_phrase(seeds if isinstance(seeds, int) else 1)}"


def len_of(value: object) -> float:
    """A count from the configuration, NaN where it is none."""
    return float(value) if isinstance(value, int) else math.nan


def _result(record: RunRecord) -> str:
    nll, error = metric(record, "nll_test"), metric(record, "nll_test_stderr")
    said = f"The generator needs {to_error(nll, 1.96 * error)} ± {number(1.96 * error, 2)} nats a token on held-out sequences"
    said += f", a perplexity of {number(math.exp(nll), 4)}."
    oracle = metric(record, "nll_oracle")
    if math.isfinite(oracle):
        said += (
            f" The oracle finds its draws worth {number(oracle, 4)} nats a token. KL(oracle, generator) is "
            f"{number(metric(record, 'kl_forward'), 3)}, KL(generator, oracle) {number(metric(record, 'kl_reverse'), 3)}: the first grows "
            "with what is missed, the second with what is invented."
        )
    return said + _said_of_energy(record)


def _said_of_energy(record: RunRecord) -> str:
    """What the energy adds; in how many seeds there is one."""
    objective, steps = record.config.get("objective"), record.config.get("energy_steps")
    if objective not in WITH_ENERGY or not steps:
        return ""
    tilted = [bool(seed.get("is_tilted")) for seed in record.seeds]
    if not any(tilted):
        return " No energy was better on validation data: the generator by its own loss is the result."
    gain, spread = metric(record, "gain"), metric(record, "gain_stderr")
    if all(tilted) and not math.isfinite(gain):
        return (
            " An energy was learned, but a handful of draws carries all the weight: its log Z is not known, and so not what it is worth. "
            "Lower --energy-learning-rate, or draw more."
        )
    if not all(tilted):
        return (
            f" In {sum(tilted)} of {len(tilted)} seeds an energy was better on validation data; what it adds there, their own metrics say."
        )
    sure = "" if abs(gain) > 1.96 * spread else ", which held-out data of this size cannot tell from nothing"
    by = f"{to_error(abs(gain), 1.96 * spread)} ± {number(1.96 * spread, 2)}"
    of = "the generator" if objective == "nce" else "the generator in the end"
    said = f" The energy is {by} nats a token {'better' if gain > 0 else 'worse'} than {of}{sure}."
    if objective != "nce":
        said += f" Before there was an energy, the generator needed {number(metric(record, 'likelihood_nll_test'), 4)}."
    return said


def _level(record: RunRecord) -> str:
    gain, spread = metric(record, "gain"), metric(record, "gain_stderr")
    if not math.isfinite(gain):
        return "good"
    return "bad" if gain < -1.96 * spread else alarm_verdict(record).level


def _key_numbers(record: RunRecord) -> list[KeyNumber]:
    interval = bootstrap_interval(of_seeds(record, "nll_test"))
    spread = f"95 % interval {number(interval[0], 4)} to {number(interval[1], 4)}" if interval else seed_phrase(len(record.seeds))
    verdict = alarm_verdict(record)
    numbers = [
        KeyNumber("NLL on test data", number(metric(record, "nll_test"), 4), f"nats a token; {spread}"),
        KeyNumber("NLL by the oracle", number(metric(record, "nll_oracle"), 4), "nats a token of the generator's draws"),
        KeyNumber("KL(oracle, generator)", number(metric(record, "kl_forward"), 4), "nats a token"),
        KeyNumber("KL(generator, oracle)", number(metric(record, "kl_reverse"), 4), "nats a token"),
        KeyNumber("least sum of both NLL", number(metric(record, "best_sum"), 4), "over the temperatures below"),
        KeyNumber("energy, NLL on test data", number(metric(record, "energy_nll_test"), 4), "nats a token, log Z charged"),
        KeyNumber("log Z", number(math.nan if verdict.doubt else record.total("log_z"), 4), "nats a sequence, relative to the generator"),
        KeyNumber("effective share", number(metric(record, "ess_fraction"), 3), "of draws, by their weights; 1 is best"),
        KeyNumber("time", duration(record.total("seconds")), "compilation and evaluation included"),
    ]
    return [each for each in numbers if each.value != number(math.nan)]


def _samples(record: RunRecord) -> str:
    parts = []
    for name, title in SIDES:
        rows = record.arrays.get(name)
        if rows is not None and rows.ndim == 1 and len(rows):
            parts += [page.paragraph(f"{title}:"), page.listing([str(row) or "(empty)" for row in rows])]
    return page.section("Sequences", *parts)


def _frontier(record: RunRecord) -> str:
    return page.section("Quality and diversity", page.panels([frontier_panel(record.arrays, record.config)]))


def _energy(record: RunRecord) -> str:
    if not record.estimates:
        return ""
    learned = page.section("What did the energy learn?", page.panels([energy_panel(record.arrays)]))
    return "\n".join((learned, trust_section(record)))


def _learning(record: RunRecord) -> str:
    before = record.config.get("generator_steps", 0)
    panel = learning_panel(record.curves, before if isinstance(before, int) else 0, "nats a sequence")
    return page.section("How did it learn?", page.paragraph(COURSES.get(str(record.config.get("objective")), "")), page.panels([panel]))


def _numbers(record: RunRecord) -> str:
    return metrics_section(record, METRICS)

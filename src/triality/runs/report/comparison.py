"""Runs side by side in one page: where their settings differ, what came of them, how they learned."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from triality.errors import ConfigError
from triality.runs.atomic import replace_file
from triality.runs.report import page
from triality.runs.report.curves import band, bootstrap_interval
from triality.runs.report.density_metrics import METRICS, Metric
from triality.runs.report.density_panels import sample_panels
from triality.runs.report.density_sections import metric, of_seeds
from triality.runs.report.figures import Panel, draw, legend_above
from triality.runs.report.palette import BAD, CAUTION, DATA, DRAWN, GOOD, MUTED, OTHER
from triality.runs.report.record import RunRecord, read_record
from triality.runs.report.sequence_metrics import METRICS as SEQUENCE_METRICS
from triality.runs.report.words import alarm_verdict, normalized, number, to_error

COLORS = (DATA.light, DRAWN.light, OTHER.light, GOOD.light, CAUTION.light, BAD.light, MUTED.light)
MOST_RUNS = 12
NOT_SETTINGS = ("out", "overwrite", "notes", "placed")
MEANS = "Interquartile means over seeds, 95 % interval from three seeds on"
IRL_NUMBERS = (
    ("normalized return, mean action", "return_normalized"),
    ("return", "return_mean"),
    ("return, sampled actions", "return_sampled"),
)


def write_comparison(folders: Sequence[Path], target: Path) -> None:
    """Write the page.

    Raises:
        ConfigError: fewer than two runs or more than twelve, one of them no run, or runs of different commands.
        StorageError: a run is damaged, or the page cannot be written.
    """
    records = read_runs(folders)
    text = render_comparison(records).encode()
    replace_file(target, lambda file: _write_all(file, text))


def read_runs(folders: Sequence[Path]) -> list[RunRecord]:
    """The runs that a page can compare.

    Raises:
        ConfigError, StorageError: as ``write_comparison``.
    """
    if not 2 <= len(folders) <= MOST_RUNS:
        raise ConfigError(f"expected 2 to {MOST_RUNS} runs to compare, got {len(folders)}; name their folders")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("expected different runs to compare, got one folder twice; name each once")
    records = [read_record(folder) for folder in folders]
    commands = sorted({record.command for record in records})
    if len(commands) > 1:
        raise ConfigError(f"expected runs of one command, got {' and '.join(commands)}: their numbers cannot be compared; choose one kind")
    return records


def render_comparison(records: Sequence[RunRecord]) -> str:
    """The page as HTML."""
    names = run_names(records)
    title = f"{len(records)} runs compared"
    header = f"<h1>{page.escape(title)}</h1>\n{page.paragraph(', '.join(names), 'subtitle')}"
    is_density = records[0].command == "ebm"
    results = RESULTS.get(records[0].command, _irl_results)(records, names)
    samples = [panel for record, name in zip(records, names, strict=True) for panel in _samples(record, name)] if is_density else []
    sections = (
        results,
        page.section("Where they differ", _differences(records, names)),
        page.section("Samples", page.panels(samples)),
        page.section("How they learned", page.panels([_curves(records, names)])),
    )
    note = "Numbers of different data or of different test rows say nothing about each other: look at where the runs differ first."
    return page.page(f"{title} · triality", header, (each for each in sections if each), page.paragraph(note))


def run_names(records: Sequence[RunRecord]) -> list[str]:
    """The folders' own names where they differ, whole paths otherwise."""
    names = [record.path.resolve().name for record in records]
    return names if len(set(names)) == len(names) else [str(record.path) for record in records]


def _differences(records: Sequence[RunRecord], names: list[str]) -> str:
    """Options that are not the same in all runs."""
    keys = [key for record in records for key in record.config if key not in NOT_SETTINGS]
    rows = []
    for key in dict.fromkeys(keys):
        values = [_shown(record.config.get(key)) for record in records]
        if len(set(values)) > 1:
            rows.append((key, *values))
    if not rows:
        return page.paragraph("In nothing but their folders.")
    return page.table("Options that are not the same in all runs", ("option", *names), rows, kind="words")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _density_results(records: Sequence[RunRecord], names: list[str]) -> str:
    return _metric_results(records, names, METRICS, _likelihoods(records, names))


def _sequence_results(records: Sequence[RunRecord], names: list[str]) -> str:
    return _metric_results(records, names, SEQUENCE_METRICS, None)


def _metric_results(records: Sequence[RunRecord], names: list[str], metrics: Sequence[Metric], picture: Panel | None) -> str:
    rows = []
    for each in metrics:
        for part, field in (("generator", each.generator), ("energy", each.energy)):
            values = [metric(record, field) if field else math.nan for record in records]
            if any(math.isfinite(value) for value in values):
                both = each.generator and each.energy
                rows.append((f"{each.title}, {part}" if both else each.title, *(_interval(r, field) for r in records), each.better))
    rows.append(("log Z, nats, ± 1.96 standard errors", *(_log_z(record) for record in records), ""))
    rows.append(("alarm", *(alarm_verdict(record).headline for record in records), ""))
    rows.append(("seconds in all", *(number(record.total("seconds")) for record in records), "lower"))
    table = page.table(
        "Interquartile means over seeds, 95 % interval from three seeds on", ("metric", *names, "better"), rows, kind="words"
    )
    return page.section("What came of them", page.panels([picture]), table)


def _log_z(record: RunRecord) -> str:
    """What the run reports with its error: the exact value or importance sampling's; none where the verdict forbids it."""
    if alarm_verdict(record).doubt:
        return number(math.nan)
    value, estimates = record.total("log_z"), record.estimates
    stderr = estimates.get("exact", estimates.get("importance", (math.nan, math.nan)))[1]
    return f"{to_error(value, 1.96 * stderr)} ± {number(1.96 * stderr, 2)}" if stderr > 0 else number(value, 5)


def _interval(record: RunRecord, field: str) -> str:
    interval = bootstrap_interval(of_seeds(record, field))
    spread = f" ({number(interval[0], 4)} to {number(interval[1], 4)})" if interval else ""
    return number(metric(record, field), 4) + spread


def _likelihoods(records: Sequence[RunRecord], names: list[str]) -> Panel | None:
    """Test log likelihoods, generator and energy of every run, seed by seed."""
    sides = (("generator_test_log_likelihood", "generator", DRAWN.light), ("test_log_likelihood", "energy", OTHER.light))
    if not any(math.isfinite(metric(record, field)) for record in records for field, _, _ in sides):
        return None

    def paint(axes: Axes) -> None:
        for shift, (field, label, color) in zip((-0.12, 0.12), sides, strict=True):
            for place, record in enumerate(records):
                seeds = of_seeds(record, field)
                axes.plot(seeds, np.full(seeds.size, place + shift), "o", color=color, markersize=4, alpha=0.45, markeredgewidth=0)
                axes.plot(metric(record, field), place + shift, "D", color=color, markersize=7, label=label if place == 0 else None)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.set_xlabel("test log likelihood (nats a sample)")
        legend_above(axes)

    caption = "Diamonds: interquartile mean over seeds; dots: seeds. Where a run learns no density, its energy's mark is its generator's."
    drawing = draw("likelihoods", paint, 110.0 + 42.0 * len(names))
    alt = ", ".join(f"{name} {number(metric(record, 'test_log_likelihood'), 5)}" for record, name in zip(records, names, strict=True))
    return Panel("likelihoods", "Test log likelihood", drawing, f"Nats a sample: {alt}.", caption)


def _irl_results(records: Sequence[RunRecord], names: list[str]) -> str:
    rows = []
    for title, field in IRL_NUMBERS:
        show = normalized if field == "return_normalized" else number
        cells = []
        for record in records:
            interval = bootstrap_interval(record.seeds_of(field))
            cells.append(show(record.overall(field)) + (f" ({show(interval[0])} to {show(interval[1])})" if interval else ""))
        rows.append((title, *cells))
    rows.append(("environment steps", *(number(record.total("env_steps")) for record in records)))
    rows.append(("environment steps per second", *(number(record.total("env_steps_per_second")) for record in records)))
    rows.append(("seconds in all", *(number(record.total("seconds")) for record in records)))
    rows.append(("alarm", *(alarm_verdict(record).headline for record in records)))
    table = page.table(MEANS, ("", *names), rows, kind="words")
    return page.section("What came of them", table)


def _samples(record: RunRecord, name: str) -> list[Panel]:
    """What the run drew, the last of its sheets or clouds; of the data one is enough, in the run's own report."""
    shown = [panel for panel in sample_panels(record.arrays) if panel.name.startswith("samples-") and panel.name != "samples-data"][-1:]
    ident = "".join(letter if letter.isalnum() else "-" for letter in name)
    return [
        Panel(
            f"{panel.name}-{ident}", f"{name}: {panel.title.lower()}", panel.svg.replace("samples-", f"{ident}-"), panel.alt, panel.caption
        )
        for panel in shown
    ]


def _curves(records: Sequence[RunRecord], names: list[str]) -> Panel | None:
    """Validation, or the return while learning, of all runs over time."""
    is_density = records[0].command in RESULTS
    field, label = ("validation", "validation (nats a sample)") if is_density else ("return_mean", "return of sampled roll-outs")
    shown = [(record, name) for record, name in zip(records, names, strict=True) if record.curves.has(field)]
    if not shown:
        return None

    def paint(axes: Axes) -> None:
        for place, (record, name) in enumerate(shown):
            seconds = record.curves.axis("seconds")
            x = record.curves.iterations.astype(float) if seconds is None else seconds
            order = np.argsort(x)
            middle = band(record.curves.values[field])
            axes.plot(x[order], middle.median[order], color=COLORS[place % len(COLORS)], label=name)
        axes.set_xlabel("wall-clock time (s)")
        axes.set_ylabel(label)
        legend_above(axes)

    caption = "Median over seeds. Time includes compilation; seeds of a density run follow one another."
    listed = ", ".join(name for _, name in shown)
    return Panel("curves", "Learning over time", draw("curves", paint), f"{label} of {listed} over time.", caption)


RESULTS = {"ebm": _density_results, "seq": _sequence_results}
"""By command; all others learned to act."""


def _write_all(file: Any, text: bytes) -> None:
    file.write(text)

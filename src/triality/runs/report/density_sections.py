"""What the reports of densities have in common: the frame of the page, notes, trust in log Z, the table of metrics, the setting."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from triality.runs.checkpoint_file import library_versions
from triality.runs.report import page
from triality.runs.report.density_metrics import Metric, metric_rows
from triality.runs.report.density_panels import calibration_panel
from triality.runs.report.log_z import log_z_panel
from triality.runs.report.page import KeyNumber
from triality.runs.report.record import RunRecord
from triality.runs.report.unfinished import again, said_unfinished, share_done, unfinished_keys, unfinished_level
from triality.runs.report.words import alarm_verdict, number, to_error

Part = Callable[[RunRecord], str]


class Judged(NamedTuple):
    """What a result is told with, asked only where there is one.

    Fields:
        said: what came of it, in a paragraph.
        level: the role of the palette that it is shown in.
        keys: the strip of key numbers.
    """

    said: Part
    level: Part
    keys: Callable[[RunRecord], list[KeyNumber]]


def framed(record: RunRecord, titles: tuple[str, str], judged: Judged, parts: Sequence[Part], documented: str) -> str:
    """The whole page.

    Args:
        record: the run.
        titles: title and subtitle.
        judged: what is said of its result.
        parts: of the record, the sections in order; empty ones are left out.
        documented: name of the documentation's page.
    """
    title = titles[0]
    header = heading(record, titles, judged)
    problems = page.section("What could not be read", page.listing(record.problems)) if record.problems else ""
    footer = page.paragraph(
        "This file is complete in itself: it loads nothing and runs nothing. The text below each figure says how to read it; the "
        f"documentation of triality says more, on its page “{documented}”."
    )
    return page.page(f"{title} · triality", header, (each for each in (problems, *(part(record) for part in parts)) if each), footer)


def heading(record: RunRecord, titles: tuple[str, str], judged: Judged) -> str:
    """The top of the page: title and subtitle, and what came of it, or, where there is no result, how far it is."""
    is_over = record.summary is not None
    told = judged if is_over else Judged(said_unfinished, unfinished_level, unfinished_keys)
    bar = "" if is_over else page.progress(share_done(record), f"{record.standing.progress} done")
    result = page.paragraph(told.said(record), f"result level-{told.level(record)}")
    top = (f"<h1>{page.escape(titles[0])}</h1>", page.paragraph(titles[1], "subtitle"), result, bar, page.key_numbers(told.keys(record)))
    return "\n".join(part for part in top if part)


def metrics_section(record: RunRecord, metrics: Sequence[Metric]) -> str:
    """Every metric, with what it means and which way is better."""
    rows = metric_rows(metrics, lambda name: metric(record, name), lambda name: of_seeds(record, name))
    head = ("metric", "generator", "energy", "better", "what it is")
    return page.section(
        "All metrics", page.table("Interquartile mean over seeds, with the range where there are several", head, rows, kind="words")
    )


def metric(record: RunRecord, name: str) -> float:
    """The interquartile mean of a metric over seeds, NaN where it is not known."""
    block = record.summary.get("iqm") if record.summary else None
    metrics = block.get("metrics") if isinstance(block, dict) else None
    value = metrics.get(name) if isinstance(metrics, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def of_seeds(record: RunRecord, name: str) -> np.ndarray:
    """A metric of every seed, NaN where it is not known."""
    values = [seed.get("metrics", {}).get(name) for seed in record.seeds]
    return np.array([value if isinstance(value, int | float) else math.nan for value in values], dtype=float)


def notes_section(record: RunRecord) -> str:
    """What the run said of its data, and of what is left out here."""
    given = record.config.get("notes")
    notes = [str(note) for note in given] if isinstance(given, list) else []
    return page.section("What to know first", page.listing([note[:1].upper() + note[1:] for note in notes]))


def trust_section(record: RunRecord) -> str:
    """Estimates of log Z side by side, the verdict on them, and whether D is a probability."""
    if record.summary is None:
        return ""
    verdict = alarm_verdict(record)
    given: Any = record.summary.get("log_z_estimates") or {}
    rows = []
    for name, entry in given.items():
        value, stderr = (float(entry[key]) if isinstance(entry.get(key), int | float) else math.nan for key in ("value", "stderr"))
        ends = (to_error(value + side * 1.96 * stderr, stderr) for side in (-1.0, 1.0))
        interval = " to ".join(ends) if math.isfinite(stderr) else number(math.nan)
        health = _health(name, entry)
        cost = number(float(entry.get("num_energies") or math.nan))
        rows.append(
            (name.replace("_", " "), to_error(value, stderr), number(stderr, 2), interval, health, cost, str(entry.get("assumes", "")))
        )
    head = ("estimate", "log Z", "standard error", "95 % interval", "effective samples, or overlap", "energies evaluated", "assumes")
    table = page.table("Estimates of log Z of the first seed, nats", head, rows, kind="words")
    return page.section(
        "Can log Z be trusted?",
        page.verdict_box(verdict, record.alarm),
        page.panels([log_z_panel(record), calibration_panel(record.arrays)]),
        table,
    )


def _health(name: str, entry: Any) -> str:
    overlap, ess = entry.get("overlap"), entry.get("ess")
    if isinstance(overlap, int | float):
        return f"overlap {number(overlap, 2)}"
    runs = " runs" if name == "sequential_Monte_Carlo" else ""  # whole populations are its samples
    return f"{number(float(ess), 3)}{runs}" if isinstance(ess, int | float) else number(math.nan)


def setting_section(record: RunRecord) -> str:
    """Where to go on, every option, and the versions."""
    run = shlex.quote(str(record.path))
    lines = [] if record.summary is not None else again(record)
    lines += ["# beside another run, in one page", f"triality compare {run} OTHER_RUN --out comparison.html"]
    rows = [(str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in record.config.items() if name != "notes"]
    here = ", ".join(f"{name} {version}" for name, version in library_versions().items() if version != "absent")
    versions = f"Made by triality {record.version}. Versions where this report was written: {here}."
    configuration = page.table("Configuration", ("option", "value"), rows, kind="words")
    return page.section("Setting, and where to go on", page.commands(lines), configuration, page.paragraph(versions, "note"))

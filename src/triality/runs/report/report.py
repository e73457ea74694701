"""``report.html``: what a run was, whether it worked, and what its numbers mean, in one file that needs no other."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triality.runs.atomic import replace_file
from triality.runs.checkpoint_file import library_versions
from triality.runs.report import page
from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.diagnostics import cost_panel, policy_panels, weight_panels
from triality.runs.report.page import KeyNumber
from triality.runs.report.record import RunRecord, read_record
from triality.runs.report.returns import comparison_panel, learning_panels, log_z_panel
from triality.runs.report.state_space import episode_panel, state_panels
from triality.runs.report.words import alarm_verdict, duration, normalized, number, result_level, result_paragraph, seed_phrase


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder and return its path; also while the run goes on, and after one that broke off.

    Example:
        >>> import tempfile
        >>> from triality.runs.folder import RunFolder
        >>> run = RunFolder.create(Path(tempfile.mkdtemp()) / "run")
        >>> run.write_config("irl", {"env": "Pendulum-v1"})
        >>> "Still running" in write_report(run.path).read_text(encoding="utf-8")
        True

    Raises:
        ConfigError: the folder is no run.
        StorageError: its ``config.json`` is damaged, or the report cannot be written.
    """
    record = read_record(folder)
    text = render(record).encode()
    target = folder / "report.html"
    replace_file(target, lambda file: _write_all(file, text))
    return target


def render(record: RunRecord) -> str:
    """The report as HTML."""
    title, subtitle = _title(record)
    header = "\n".join(
        (
            f"<h1>{page.escape(title)}</h1>",
            page.paragraph(subtitle, "subtitle"),
            page.paragraph(result_paragraph(record), f"result level-{result_level(record)}"),
            page.key_numbers(_key_numbers(record)),
        )
    )
    sections = (_damage(record), _returns(record), _cost(record), _trust(record), _policy(record), _setting(record))
    footer = page.paragraph("This file is complete in itself: it loads nothing and runs nothing. How to read each figure: docs/report.md.")
    return page.page(f"{title} · triality", header, (each for each in sections if each), footer)


def _title(record: RunRecord) -> tuple[str, str]:
    config = record.config
    named = [config.get("env"), config.get("algorithm")]
    title = " · ".join(str(part) for part in named if part) or f"triality {record.command}"
    level = f"{config['level']} level" if "level" in config else ""
    parts = (level, _count(config, "num_demos", "demonstration"), _count(config, "seeds", "seed"))
    return title, ", ".join(part for part in parts if part)


def _key_numbers(record: RunRecord) -> list[KeyNumber]:
    if record.summary is None:
        return []
    seeds = record.seeds_of("return_normalized")
    interval = bootstrap_interval(seeds)
    remark = f"95 % interval {normalized(interval[0])} to {normalized(interval[1])}" if interval else seed_phrase(len(seeds))
    numbers = [
        KeyNumber("normalized return, mean action", normalized(record.overall("return_normalized")), remark),
        KeyNumber("return", number(record.overall("return_mean"), 4), f"demonstrations {number(record.overall('expert_return'), 4)}"),
        KeyNumber("return, sampled actions", number(record.overall("return_sampled"), 4), "the policy as it was trained"),
        KeyNumber("environment steps", number(record.total("env_steps")), "all seeds together"),
        KeyNumber("steps per second", number(record.total("env_steps_per_second")), "learning included"),
        KeyNumber("time", duration(record.total("seconds")), "compilation and evaluation included"),
        KeyNumber("log Z", number(record.total("log_z"), 4), "nats, as the run reports it"),
        KeyNumber("effective share", number(record.overall("ess_fraction"), 2), "of the roll-outs, by their weights"),
        KeyNumber("overlap", number(record.overall("overlap"), 2), "0: told apart with certainty"),
    ]
    return [each for each in numbers if each.value != number(math.nan)]


def _damage(record: RunRecord) -> str:
    if not record.problems:
        return ""
    consequence = page.paragraph("Parts of this report are missing because of it.")
    return page.section("What could not be read", consequence, page.listing(record.problems))


def _returns(record: RunRecord) -> str:
    shown = [comparison_panel(record), *learning_panels(record), episode_panel(record.arrays)]
    return page.section("Does it act like the demonstrations?", page.panels(shown), _comparison_table(record), _seed_table(record))


def _comparison_table(record: RunRecord) -> str:
    if record.summary is None:
        return ""
    expert, random = record.overall("expert_return"), record.overall("random_return")
    rows = [("demonstrations", number(expert, 4), normalized(1.0))]
    rows += [("this run, mean action", number(record.overall("return_mean"), 4), normalized(record.overall("return_normalized")))]
    rows += [("this run, sampled actions", number(record.overall("return_sampled"), 4), "")]
    rows += [(name, number(value, 4), normalized(scaled)) for name, (value, scaled) in record.baselines.items()]
    rows += [(f"{name} (published, on its own scale)", "", normalized(value)) for name, value in record.published]
    rows += [("random actions", number(random, 4), normalized(0.0))]
    return page.table("Returns in the environment's own reward", ("who acts", "return", "normalized"), rows, marked=1)


def _seed_table(record: RunRecord) -> str:
    fields = ("return_mean", "return_normalized", "return_sampled", "expert_return", "ess_fraction", "overlap")
    digits = (4, 4, 4, 4, 2, 2)
    if len(record.seeds) < 2:
        return ""
    columns = [record.seeds_of(field) for field in fields]
    first = record.config.get("seed", 0)
    rows = []
    for place, row in enumerate(zip(*columns, strict=True)):
        cells = [number(value, shown) for value, shown in zip(row, digits, strict=True)]
        cells[1] = normalized(row[1])
        rows.append((str(first + place) if isinstance(first, int) else str(place), *cells))
    head = ("seed", "return", "normalized", "sampled actions", "its demonstrations", "effective share", "overlap")
    return page.table("Seed by seed", head, rows)


def _cost(record: RunRecord) -> str:
    return page.section("What was learned?", page.panels([*state_panels(record.arrays), cost_panel(record.curves)]))


def _trust(record: RunRecord) -> str:
    shown = [log_z_panel(record), *weight_panels(record.curves)]
    rows = [(name.replace("_", " "), number(value, 5), number(stderr, 2)) for name, (value, stderr) in record.estimates.items()]
    estimates = page.table("Estimates of log Z, nats", ("estimator", "log Z", "standard error"), rows)
    verdict = page.verdict_box(alarm_verdict(record), record.alarm)
    return page.section("Can log Z and the weights be trusted?", verdict, page.panels(shown), estimates)


def _policy(record: RunRecord) -> str:
    return page.section("How did the policy learn?", page.panels(policy_panels(record.curves)))


def _setting(record: RunRecord) -> str:
    run = shlex.quote(str(record.path))
    lines = [
        "# evaluate the learned policy in Gymnasium's own environment",
        f"triality eval {run}",
        "# train a fresh policy on the learned cost alone",
        f"triality retrain {run}",
    ]
    rows = [(str(name), _value(value)) for name, value in record.config.items()]
    here = ", ".join(f"{name} {version}" for name, version in library_versions().items() if version != "absent")
    versions = f"Made by triality {record.version}. Versions where this report was written: {here}."
    configuration = page.table("Configuration", ("option", "value"), rows, kind="words")
    return page.section("Setting, and where to go on", page.commands(lines), configuration, page.paragraph(versions, "note"))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _count(config: Mapping[str, Any], name: str, noun: str) -> str:
    value = config.get(name)
    return f"{value} {noun}{'' if value == 1 else 's'}" if isinstance(value, int) else ""


def _write_all(file: Any, text: bytes) -> None:
    file.write(text)

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
from triality.runs.report.density import render_density
from triality.runs.report.density_sections import Judged, heading
from triality.runs.report.diagnostics import cost_panel, policy_panels, weight_panels
from triality.runs.report.log_z import log_z_panel
from triality.runs.report.page import KeyNumber
from triality.runs.report.record import RunRecord, read_record
from triality.runs.report.returns import comparison_panel, learning_panels
from triality.runs.report.sequences import render_sequences
from triality.runs.report.state_space import episode_panel, state_panels
from triality.runs.report.time_shares import time_panel
from triality.runs.report.unfinished import again, has_checkpoints
from triality.runs.report.words import alarm_verdict, duration, normalized, number, result_level, result_paragraph, seed_phrase

RUN = "this run, mean action"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder and return its path; also while the run goes on, and after one that broke off.

    Example:
        >>> import tempfile
        >>> from triality.runs.folder import RunFolder
        >>> run = RunFolder.create(Path(tempfile.mkdtemp()) / "run")
        >>> run.write_config("irl", {"env": "Pendulum-v1"})
        >>> "Interrupted before anything was logged" in write_report(run.path).read_text(encoding="utf-8")
        True

    Raises:
        ConfigError: the folder is no run.
        StorageError: its ``config.json`` is damaged, or the report cannot be written.
    """
    record = read_record(folder)
    text = RENDERERS.get(record.command, render)(record).encode()
    target = folder / "report.html"
    replace_file(target, lambda file: _write_all(file, text))
    return target


def render(record: RunRecord) -> str:
    """The report of a run that learned to act, as HTML."""
    title, subtitle = _title(record)
    header = heading(record, (title, subtitle), Judged(result_paragraph, result_level, _key_numbers))
    sections = (_damage(record), _returns(record), _cost(record), _trust(record), _policy(record), _setting(record))
    footer = page.paragraph(
        "This file is complete in itself: it loads nothing and runs nothing. The text below each figure says how to read it; the "
        "documentation of triality says more, on its page “The report of a run”."
    )
    return page.page(f"{title} · triality", header, (each for each in sections if each), footer)


def _title(record: RunRecord) -> tuple[str, str]:
    config = record.options
    named = [config.get("env"), config.get("algorithm")]
    title = " · ".join(str(part) for part in named if part) or f"triality {record.command}"
    level = f"{config['level']} level" if "level" in config else ""
    parts = (level, _count(config, "num_demos", "demonstration"), _count(config, "seeds", "seed"))
    return title, ", ".join(part for part in parts if part)


def _key_numbers(record: RunRecord) -> list[KeyNumber]:
    seeds = record.seeds_of("return_normalized")
    interval = bootstrap_interval(seeds)
    remark = f"95 % interval {normalized(interval[0])} to {normalized(interval[1])}" if interval else seed_phrase(len(seeds))
    verdict = alarm_verdict(record)
    log_z_remark = "nats; its estimates disagree" if verdict.level == "bad" else "nats, as the run reports it"
    numbers = [
        KeyNumber("normalized return, mean action", normalized(record.overall("return_normalized")), remark),
        KeyNumber("return", number(record.overall("return_mean"), 4), f"demonstrations {number(record.overall('expert_return'), 4)}"),
        KeyNumber("return, sampled actions", number(record.overall("return_sampled"), 4), "the policy as it was trained"),
        KeyNumber("environment steps", number(record.total("env_steps")), "all seeds together"),
        KeyNumber("steps per second", number(record.total("env_steps_per_second")), "learning included, compilation not"),
        KeyNumber("time", duration(record.total("seconds")), "compilation and evaluation included"),
        KeyNumber("log Z", number(math.nan if verdict.doubt else record.total("log_z"), 4), log_z_remark),
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


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _comparison_table(record: RunRecord) -> str:
    if record.summary is None:
        return ""
    known = [(name, _or_nan(value), _or_nan(share)) for name, value, share in reversed(record.scale.ends)]
    known += [(RUN, record.overall("return_mean"), record.overall("return_normalized"))]
    known += [("this run, sampled actions", record.overall("return_sampled"), record.sampled_normalized)]
    known += [(name, value, scaled) for name, (value, scaled) in record.baselines.items()]
    known += [(f"{name} (published, on its own scale)", math.nan, value) for name, value in record.published]
    known.sort(key=lambda row: -row[2] if math.isfinite(row[2]) else math.inf)
    rows = [(name, number(value, 4), normalized(scaled)) for name, value, scaled in known]
    marked = next(place for place, row in enumerate(known) if row[0] == RUN)
    return page.table("Returns in the environment's own reward, best first", ("who acts", "return", "normalized"), rows, marked)


SEED_COLUMNS = (
    ("return", "return_mean", 4),
    ("normalized", "return_normalized", None),
    ("sampled actions", "return_sampled", 4),
    ("its demonstrations", "expert_return", 4),
    ("effective share", "ess_fraction", 2),
    ("overlap", "overlap", 2),
)
"""Heading, field of the summary, and significant digits; None for the fixed digits of a normalized return."""


def _seed_table(record: RunRecord) -> str:
    """One row a seed, with the columns that any seed has a number for."""
    if len(record.seeds) < 2:
        return ""
    columns = [(head, record.seeds_of(field), digits) for head, field, digits in SEED_COLUMNS]
    columns = [column for column in columns if any(math.isfinite(value) for value in column[1])]
    first = record.config.get("seed", 0)
    first = first if isinstance(first, int) else 0
    texts = [[normalized(value) if digits is None else number(value, digits) for value in values] for _, values, digits in columns]
    rows = [(str(first + place), *cells) for place, cells in enumerate(zip(*texts, strict=True))]
    return page.table("Seed by seed", ("seed", *(head for head, _, _ in columns)), rows)


def _cost(record: RunRecord) -> str:
    return page.section("What was learned?", page.panels([*state_panels(record.arrays), cost_panel(record.curves)]))


def _trust(record: RunRecord) -> str:
    if not record.method.no_alarm:
        return ""
    shown = [log_z_panel(record), *weight_panels(record.curves)]
    rows = [(name.replace("_", " "), number(value, 5), number(stderr, 2)) for name, (value, stderr) in record.estimates.items()]
    verdict = alarm_verdict(record)
    caption = "Estimates of log Z, nats" + (", for the record only: see the verdict" if verdict.doubt else "")
    estimates = page.table(caption, ("estimator", "log Z", "standard error"), rows)
    said = page.verdict_box(verdict, record.alarm)
    return page.section("Can log Z and the weights be trusted?", said, page.panels(shown), estimates)


def _policy(record: RunRecord) -> str:
    return page.section("How did the policy learn?", page.panels([*policy_panels(record.curves, record.method), time_panel(record.curves)]))


def _setting(record: RunRecord) -> str:
    run = shlex.quote(str(record.path))
    is_there = record.summary is not None or has_checkpoints(record) or (record.path / "state.ckpt").exists()
    lines = [] if record.summary is not None else again(record)
    lines += ["# evaluate the learned policy, mean and sampled actions", f"triality eval {run}"] if is_there else []
    if is_there and record.method.has_cost:
        lines += ["# train a fresh policy on the learned cost alone", f"triality retrain {run}"]
        lines += ["# clone the same demonstrations: what that reaches too, this method has not shown", _cloning_command(record)]
    rows = [(str(name), _value(value)) for name, value in record.options.items()]
    here = ", ".join(f"{name} {version}" for name, version in library_versions().items() if version != "absent")
    versions = f"Made by triality {record.version}. Versions where this report was written: {here}."
    left_out = "" if record.options == record.config else ", without the options that this algorithm does not use"
    configuration = page.table(f"Configuration{left_out}", ("option", "value"), rows, kind="words")
    return page.section("Setting, and where to go on", page.commands(lines), configuration, page.paragraph(versions, "note"))


def _cloning_command(record: RunRecord) -> str:
    """The run's own command with cloning as its algorithm, into a folder beside it."""
    names = ("num_demos", "seeds", "seed", "actions", "env", "demos")
    given = [f"--{name.replace('_', '-')} {shlex.quote(str(record.config[name]))}" for name in names if name in record.config]
    lines = ("triality irl --algorithm bc", " ".join(given), f"--out {shlex.quote(f'{record.path}-bc')}")
    return " \\\n    ".join(line for line in lines if line)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _count(config: Mapping[str, Any], name: str, noun: str) -> str:
    value = config.get(name)
    return f"{value} {noun}{'' if value == 1 else 's'}" if isinstance(value, int) else ""


RENDERERS = {"ebm": render_density, "seq": render_sequences}
"""By command; all others learned to act."""


def _write_all(file: Any, text: bytes) -> None:
    file.write(text)

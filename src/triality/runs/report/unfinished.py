"""What a report says of a run without a result: whether it goes on, how far it is, and where its numbers stood last."""

from __future__ import annotations

import math
import shlex
import time

import numpy as np

from triality.runs.report.page import KeyNumber
from triality.runs.report.record import RunRecord
from triality.runs.report.words import duration, number, seed_phrase

LAST = (
    ("return_mean", "return, last logged", "sampled actions, the environment's own reward"),
    ("validation", "validation, last logged", "mean log likelihood, nats a sample, on the scale that is learned on"),
    ("negative_log_likelihood", "loss, last logged", "nats a step, on demonstrated steps"),
)
"""Field of the log, name, and remark; of these the first that was logged is shown."""


def said_unfinished(record: RunRecord) -> str:
    """One paragraph in the place of the result."""
    standing = record.standing
    if standing.state == "finished":
        return "The run has come to its end, but its result cannot be read: see below. The curves are from its log."
    if standing.state == "running":
        return _said_running(record)
    if not standing.done:
        return f"Interrupted before anything was logged: there is nothing to show but its setting. {standing.failure}".strip()
    said = f"Interrupted after {_progress(record)}: there is no result. The numbers below are where it stood, and are not judged."
    remedy = "Its checkpoints are kept: the same command with --resume goes on." if has_checkpoints(record) else ""
    return " ".join(part for part in (said, standing.failure, remedy) if part)


def unfinished_level(record: RunRecord) -> str:
    """The role of the palette that the paragraph is shown in."""
    if record.standing.failure:
        return "bad"
    return "muted" if record.standing.state == "running" else "caution"


def unfinished_keys(record: RunRecord) -> list[KeyNumber]:
    """The strip of numbers in the place of those of the result; nothing before anything was logged."""
    standing, curves = record.standing, record.curves
    if not standing.done:
        return []
    keys = [
        KeyNumber(f"{_unit(record)} done", standing.progress, standing.whose),
        KeyNumber("time", duration(standing.seconds), "until the last line of the log"),
    ]
    if standing.state == "running" and standing.seconds_left is not None:
        keys.append(KeyNumber("time left", f"about {duration(standing.seconds_left)}", "for learning, at the pace so far"))
    for field, name, remark in LAST:
        if curves.has(field):
            value = float(np.nanmedian(curves.last(field)))
            median = f"; median over {seed_phrase(len(curves.seeds))}" if len(curves.seeds) > 1 else ""
            keys.append(KeyNumber(name, number(value, 4), remark + median))
            break
    keys.append(KeyNumber("last written", time.strftime("%b %d, %H:%M", time.localtime(standing.written)), _writer(record)))
    return keys


def share_done(record: RunRecord) -> float:
    """Share of the iterations, NaN where it is not known."""
    done, planned = record.standing.done, record.standing.planned
    return min(done / planned, 1.0) if planned else math.nan


def again(record: RunRecord) -> list[str]:
    """Lines for a terminal: this page anew."""
    return ["# this page anew, with what was logged since", f"triality report {shlex.quote(str(record.path))}"]


def has_checkpoints(record: RunRecord) -> bool:
    """Whether there is one to go on from."""
    return any((record.path / "checkpoints").glob("*.ckpt"))


def _said_running(record: RunRecord) -> str:
    standing = record.standing
    if not standing.done:
        return "Still running: nothing has been logged yet, since the first steps are being compiled. Make this page again in a minute."
    if standing.planned is not None and standing.done >= standing.planned:
        return f"Still running: all {standing.planned:,} {_unit(record)} are done, and the result is being worked out."
    left = "" if standing.seconds_left is None else f", and at the pace so far about {duration(standing.seconds_left)} are left to learn"
    return f"Still running: {_progress(record)} are done{left}. The numbers below are provisional."


def _progress(record: RunRecord) -> str:
    return f"{record.standing.progress} {_unit(record)} {record.standing.whose}".strip()


def _unit(record: RunRecord) -> str:
    return "gradient steps" if record.command in ("ebm", "seq") else "iterations"


def _writer(record: RunRecord) -> str:
    holder = record.standing.holder
    return f"by process {holder['pid']} on {holder.get('host', 'this machine')}" if "pid" in holder else "local time"

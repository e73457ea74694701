"""Numbers and verdicts in words."""

from __future__ import annotations

import math

from triality.runs.report.alarms import Verdict
from triality.runs.report.curves import bootstrap_interval
from triality.runs.report.record import RunRecord

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"


def number(value: float, digits: int = 3) -> str:
    """``value`` to so many significant digits, with a true minus; a dash where it is not known.

    Example:
        >>> number(-163.24), number(2_450_000.0), number(float("nan")), number(0.98765)
        ('−163', '2,450,000', '–', '0.988')
    """
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        text = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    elif abs(value) >= 1e-4:
        text = f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.1e}"
    return text.replace("-", MINUS)


def to_error(value: float, error: float) -> str:
    """``value`` to the second digit of its error, and six places at most: what lies beyond is noise.

    Example:
        >>> to_error(0.00707441, 0.00038), to_error(-163.24, 12.0), to_error(1.23456, 0.0)
        ('0.00707', '−163', '1.2346')
    """
    if not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return number(value, 5)
    places = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:,.{places}f}".replace("-", MINUS)


def normalized(value: float) -> str:
    """A normalized return, always with three decimals.

    Example:
        >>> normalized(1.0), normalized(-0.1)
        ('1.000', '−0.100')
    """
    return f"{value:.3f}".replace("-", MINUS) if math.isfinite(value) else MISSING


def duration(seconds: float) -> str:
    """Seconds as a reader says them.

    Example:
        >>> duration(42.3), duration(425.0), duration(9000.0)
        ('42 s', '7 min 5 s', '2 h 30 min')
    """
    if not math.isfinite(seconds):
        return MISSING
    whole = round(seconds)
    if whole < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def result_paragraph(record: RunRecord) -> str:
    """Did it work? One paragraph: the normalized return with its interval, and what the comparisons reach."""
    value = record.overall("return_normalized")
    sentences = [_opening(value), _mean_action_alone(record), *_numbers(record, value), _comparison(record)]
    return " ".join(sentence for sentence in sentences if sentence)


def result_level(record: RunRecord) -> str:
    """The role of the palette that the headline number is shown in."""
    value = record.overall("return_normalized")
    if not math.isfinite(value):
        return "muted"
    if value >= 0.95:
        return "caution" if _mean_action_alone(record) else "good"
    return "caution" if value >= 0.5 else "bad"


def seed_phrase(count: int) -> str:
    """How many seeds stand behind a number."""
    return "one seed" if count == 1 else f"{count} seeds"


def alarm_verdict(record: RunRecord) -> Verdict:
    """The three-way alarm on log Z, in plain words."""
    text = record.alarm
    if record.summary is None:
        return Verdict("muted", "Not yet known", "The estimates of log Z are compared when the run ends.")
    if text is None:
        return Verdict("muted", "No alarm for this run", record.method.no_alarm)
    for start, verdict in record.method.alarms:
        if text.startswith(start):
            return verdict
    return Verdict("muted", "Verdict", "")


MUCH_LESS = 0.1
"""Normalized return by which sampled actions may fall behind the mean action before the report speaks of it."""


def _mean_action_alone(record: RunRecord) -> str:
    """What is to be said where only the mean action earns well: the policy was trained as a distribution."""
    value, sampled = record.overall("return_normalized"), record.sampled_normalized
    if value < 0.75 or not value - sampled > MUCH_LESS:
        return ""
    return f"That holds for its mean action alone: sampled actions, the policy as it was trained, earn only {normalized(sampled)}."


def _opening(value: float) -> str:
    if not math.isfinite(value):
        return "The run has ended, but its normalized return is not known."
    steps = (
        (0.95, "It worked: the learned policy earns as much as the demonstrations, or nearly."),
        (0.75, "It mostly worked: the learned policy earns most of what the demonstrations earn."),
        (0.25, "It worked in part: the learned policy earns more than random actions and clearly less than the demonstrations."),
    )
    failure = "It did not work: the learned policy earns little more than random actions."
    return next((text for bound, text in steps if value >= bound), failure)


def _numbers(record: RunRecord, value: float) -> list[str]:
    if not math.isfinite(value):
        return []
    seeds = record.seeds_of("return_normalized")
    interval = bootstrap_interval(seeds)
    spread = (
        f"95 % interval {normalized(interval[0])} to {normalized(interval[1])}, {seed_phrase(len(seeds))}"
        if interval
        else f"{seed_phrase(len(seeds))}, too few for an interval"
    )
    sentence = f"Normalized return {normalized(value)} ({spread}), where 0 is random actions and 1 the demonstrations;"
    mean, expert, random = (number(record.overall(name), 4) for name in ("return_mean", "expert_return", "random_return"))
    return [f"{sentence} in the environment's own reward {mean}, against {expert} for the demonstrations and {random} for random actions."]


def _comparison(record: RunRecord) -> str:
    rows = {name: value for name, (_, value) in record.baselines.items() if math.isfinite(value)}
    if not rows:
        return record.method.unmatched
    listed = ", ".join(f"{name} {normalized(value)}" for name, value in rows.items())
    better = record.overall("return_normalized") > max(rows.values())
    merit = "The run does better than each of them." if better else "One of them does as well, so the return alone shows no merit."
    return f"For comparison: {listed}. {merit}"

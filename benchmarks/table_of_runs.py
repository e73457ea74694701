"""The table of a study, read from its run folders: interquartile means with bootstrap intervals, health, and what it cost.

The interval is the percentile bootstrap of the interquartile mean over seeds (Agarwal et al. 2021, arXiv:2108.13264). From five seeds it
is coarse: read it with the range beside it. A row whose run is recorded nowhere stays as the page has it (``standing_rows``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, one_thread
from standing_rows import Standing, standing_in

one_thread()

from triality.interquartile_mean import interquartile_mean  # noqa: E402  (after one thread is asked for)

RESAMPLES = 4000


@dataclass(frozen=True)
class Gate:
    """What the rows are held against: ``statistic`` of the seeds' ``field`` at least ``least``."""

    field: str
    statistic: Callable[[Sequence[float]], float]
    least: float
    words: str
    digits: int


@dataclass(frozen=True)
class Result:
    """What is there of one cell; ``summary`` is None where it has not finished."""

    section: str
    row: str
    num_demos: int
    summary: Mapping[str, Any] | None
    retrained: Mapping[str, Any] | None
    alone_seconds: float | None
    why: str


HEAD = ("row", "demos", "IQM", "min to max", "95 % interval", "sampled", "overlap", "ESS", "env steps", "s a seed", "s alone", "retrained")

NOTES = """**How to read it.** {env} in Gymnasium itself, 100 episodes a policy, reset seeds 0-99, mean action; {what}. IQM:
interquartile mean over seeds, of five the mean of the middle three, of three that of all; 95 % interval: percentile
bootstrap of the IQM over seeds. *sampled*: IQM of the return of sampled actions. *overlap*: E_p[1 - D] after learning, on
fresh roll-outs (nu/(1 + nu) = cannot be told apart: 1/2 for pairs, 1 or nearly for trajectories, of which more are drawn
than demonstrated). *ESS*: effective sample size of the importance
weights exp(-c)/q as a share of the fresh roll-outs; *overlap* and *ESS* are of pairs at step level, of trajectories
otherwise. *env steps*: of one seed. *s a seed*: the whole run divided by its seeds, which share one compiled program,
evaluation included. *s alone*: the whole process for one seed with nothing compiled before. *retrained*: a fresh policy
trained on the learned cost alone, same scale. Cloning and the constant cost are controls: what they reach too, a method has
not shown.

The scale: random actions earn {random:.2f}, the demonstrations {expert:.2f} on average. Gate: {gate}.
"""


def write_table(title: str, gate: Gate, results: Sequence[Result], attempts: Mapping[str, Mapping[str, Any]], path: Path | None) -> str:
    """The page as markdown, also written to ``path`` where one is given."""
    finished, standing = [result.summary for result in results if result.summary is not None], standing_in(path)
    parts = [f"# {title}", ""]
    for section in dict.fromkeys(result.section for result in results):
        parts += [f"## {section}", "", *_section(gate, [result for result in results if result.section == section], standing), ""]
    parts += [*_closing(gate, finished, attempts, standing.loads), ""]
    kept = [f"{result.row} from {result.num_demos}" for result in results if _stands(result, standing)]
    parts += [standing.note(kept), ""] if kept else []
    text = "\n".join(parts)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\norphan: true\n---\n\n" + text)
    return text


def bootstrap_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """2.5 and 97.5 % quantiles of the interquartile mean of ``values`` drawn with replacement."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values, float), (RESAMPLES, len(values)))
    low, high = np.quantile(interquartile_mean(drawn), [0.025, 0.975])
    return float(low), float(high)


def iqm_of(values: Sequence[float]) -> float:
    """The interquartile mean as a number."""
    return float(interquartile_mean(np.asarray(values, float)))


def iqm_over_seeds(summary: Mapping[str, Any], name: str) -> float | None:
    """Of what the seeds came to, not of what the run made of it: a summary may be older than the definition."""
    values = [seed[name] for seed in summary["seeds"]]
    return None if any(value is None for value in values) else iqm_of(values)


def _stands(result: Result, standing: Standing) -> bool:
    return result.summary is None and (result.section, result.row, result.num_demos) in standing.rows


def _section(gate: Gate, results: Sequence[Result], standing: Standing) -> list[str]:
    """Rows of what has finished or failed or stood there before, and the names of the rest."""
    head = (*HEAD, f"at least {gate.least:g}")
    there = [result for result in results if result.summary is not None or result.why or _stands(result, standing)]
    there.sort(key=lambda result: result.num_demos)
    rows = [standing.rows[each.section, each.row, each.num_demos] if _stands(each, standing) else _row(gate, each) for each in there]
    table = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}", *rows]
    left = [f"{result.row} from {result.num_demos}" for result in results if result not in there]
    return [*(table if there else []), *([""] if there and left else []), *([f"Not run yet: {', '.join(left)}."] if left else [])]


def _row(gate: Gate, result: Result) -> str:
    return f"| {' | '.join(_cells(gate, result))} |"


def _cells(gate: Gate, result: Result) -> list[str]:
    if result.summary is None:
        words = f"failed: {result.why}"
        return [result.row, str(result.num_demos), words, *("" for _ in range(len(HEAD) - 2))]
    summary, digits = result.summary, gate.digits
    seeds = summary["seeds"]
    values = [seed[gate.field] for seed in seeds]
    missing = any(value is None for value in values)
    cells = [result.row, str(result.num_demos)]
    if missing:
        cells += ["no rewards recorded", "", ""]
    else:
        low, high = bootstrap_interval(values)
        cells.append(f"**{iqm_of(values):.{digits}f}**")
        cells += [f"{min(values):.{digits}f} to {max(values):.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}"]
    cells.append(number(_sampled(gate, summary), digits))
    cells += [small(iqm_over_seeds(summary, name)) for name in ("overlap", "ess_fraction")]
    each = None if summary["seconds"] is None else summary["seconds"] / len(seeds)
    cells += [f"{summary['env_steps'] // len(seeds):,}", number(each, 1), number(result.alone_seconds, 1)]
    cells.append(number(_retrained(gate, result.retrained), digits))
    return [*cells, "" if missing else "yes" if gate.statistic(values) >= gate.least else "no"]


def _sampled(gate: Gate, summary: Mapping[str, Any]) -> float | None:
    iqm, sampled = summary["iqm"], iqm_over_seeds(summary, "return_sampled")
    if gate.field == "return_mean" or iqm["expert_return"] is None or sampled is None:
        return sampled if gate.field == "return_mean" else None
    return (sampled - iqm["random_return"]) / (iqm["expert_return"] - iqm["random_return"])


def _retrained(gate: Gate, record: Mapping[str, Any] | None) -> float | None:
    if record is None:
        return None
    return record["rows"][-1]["return" if gate.field == "return_mean" else "normalized"]


def _closing(
    gate: Gate, summaries: Sequence[Mapping[str, Any]], attempts: Mapping[str, Mapping[str, Any]], loads: Sequence[float]
) -> list[str]:
    if not summaries:
        return ["Nothing has finished yet."]
    iqm, config = summaries[0]["iqm"], summaries[0]["config"]
    normalized = "returns are normalized, (return - random)/(demonstrations - random)"
    what = normalized if gate.field == "return_normalized" else "returns are plain"
    expert = float("nan") if iqm["expert_return"] is None else iqm["expert_return"]
    notes = NOTES.format(env=config["env"], what=what, random=iqm["random_return"], expert=expert, gate=gate.words)
    found = describe_machine()
    done = [record for record in attempts.values() if record["ok"]]
    loads = [record["load_average"] for record in done] or loads  # where nothing ran here, those that the page names
    load = f"; load average at the start of a job {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    commits = sorted({str(record["commit"]) for record in (*done, *summaries) if record.get("commit")})
    packages = ", ".join(f"{name} {release}" for name, release in found["packages"].items())
    where = f"Table made on {found['processor']}, {found['cores']} cores{load}. Python {found['python']}, {packages}."
    return [notes, f"{where} Commits of the runs: {', '.join(commits) or 'not recorded'}."]


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def small(value: float | None) -> str:
    """Two significant digits, since these cross many orders of magnitude."""
    return "" if value is None else f"{value:.2g}"

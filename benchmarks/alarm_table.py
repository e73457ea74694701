"""Is the alarm right? Its verdicts against the truth, over models, generators and data whose log Z is known.

    python benchmarks/alarm_table.py             # about four minutes
    python benchmarks/alarm_table.py --table     # docs/results/alarm.md from the result file

A case is a model p_theta (exact log Z), a generator q and a law of the data; ``NUM_REPEATS`` independent data sets and sets of draws each.

    off             the importance-sampled log Z, which runs report, is more than .05 nats from the truth
    miss            off, beside "agree"
    false alarm     the data follow the model, log Z is not off, and the verdict is "model misfit or missed mode"
    rightly too few log Z is off, or over the repeats of its case three root mean squares of its error exceed .05 nats, or of its difference
                    from the acceptance ratio .1: the samples do not give what "agree" claims, whatever the errors are estimated at

The rules were set on the repeats of seeds 0 and 1; seed 2, whose repeats are others, is what the page has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from machine import one_thread
from result_page import PAGES, Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

jax.config.update("jax_enable_x64", True)

from triality.partition.alarm import VERDICTS, judged, three_way_alarm  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402
from triality.samplers.gaussian_mixture import GaussianMixture  # noqa: E402

NUM_REPEATS = 400
SIZES = ((300, 1000), (2000, 10_000))
OFF = 0.05
AGREE, MISFIT, TOO_FEW, _ = VERDICTS


def modes(weights: list[float], places: list[float], scale: float = 1.0, dim: int = 2) -> GaussianMixture:
    """Gaussians along the first axis."""
    mean = jnp.zeros((len(places), dim)).at[:, 0].set(jnp.asarray(places))
    return GaussianMixture(jnp.log(jnp.asarray(weights)), mean, jnp.full((len(places), dim), jnp.log(scale)))


def gaussian(shift: float, scale: float, dim: int = 2) -> Gaussian:
    """One Gaussian, shifted along the first axis."""
    return Gaussian(jnp.zeros(dim).at[0].set(shift), jnp.full(dim, jnp.log(scale)))


class Case(NamedTuple):
    """Model, generator, and the law of the data; all normalized, so that log Z = 0.

    Fields:
        fits: whether the data follow the model.
        blind: why the alarm cannot see it where it is off; empty where it can.
    """

    model: Any
    q: Any
    data: Any
    fits: bool
    blind: str = ""


TWO, UNEQUAL = modes([0.5, 0.5], [-4.0, 4.0]), modes([0.9, 0.1], [-4.0, 4.0])
CASES = {
    "q broader than the model": Case(gaussian(0, 1), gaussian(0, 1.5), gaussian(0, 1), True),
    "q shifted by one": Case(gaussian(0, 1), gaussian(1, 1.2), gaussian(0, 1), True),
    "q narrower": Case(gaussian(0, 1), gaussian(0, 0.8), gaussian(0, 1), True),
    "q much narrower": Case(gaussian(0, 1), gaussian(0, 0.5), gaussian(0, 1), True),
    "q three away": Case(gaussian(0, 1), gaussian(3, 1), gaussian(0, 1), True),
    "ten dimensions, q broader": Case(gaussian(0, 1, 10), gaussian(0, 1.3, 10), gaussian(0, 1, 10), True),
    "ten dimensions, q much broader": Case(gaussian(0, 1, 10), gaussian(0, 2.0, 10), gaussian(0, 1, 10), True),
    "q on one of two modes": Case(TWO, gaussian(4, 1.1), TWO, True),
    "q on the larger of unequal modes": Case(UNEQUAL, gaussian(-4, 1.1), UNEQUAL, True),
    "q covers both modes": Case(TWO, modes([0.5, 0.5], [-4.0, 4.0], 1.2), TWO, True),
    "data from one mode, q on both": Case(TWO, modes([0.5, 0.5], [-4.0, 4.0], 1.2), gaussian(4, 1), False),
    "data shifted by half": Case(gaussian(0, 1), gaussian(0, 1.3), gaussian(0.5, 1), False),
    "data a little broader": Case(gaussian(0, 1), gaussian(0, 1.3), gaussian(0, 1.1), False),
    "q and data on the same one of two modes": Case(
        TWO,
        gaussian(4, 1.1),
        gaussian(4, 1),
        False,
        "a mode of the model that neither data nor draws visit leaves all three wrong together",
    ),
    "q = model, data from elsewhere": Case(gaussian(0, 1), gaussian(0, 1), gaussian(1, 1), False),
    "q and data on the larger of unequal modes": Case(
        UNEQUAL, gaussian(-4, 1.1), gaussian(-4, 1), False, "the same, with a tenth of the mass: off by log 0.9 = -.105"
    ),
}


def main() -> int:
    result = ResultPage("alarm_table", measure, page)
    parser = result.parser(__doc__)
    parser.set_defaults(fragment=PAGES / "alarm.md")
    parser.add_argument("--seed", type=int, default=2, help="(default %(default)s; the rules were set on 0 and 1)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    rows = {}
    for name, case in CASES.items():
        for num_data, num_drawn in SIZES:
            row = measured(case, num_data, num_drawn, options.seed)
            rows[f"{name}; {num_data} data, {num_drawn} draws"] = row
            print(name, num_data, row, flush=True)
        yield {"repeats": NUM_REPEATS, "seed": options.seed, "rows": rows}


def measured(case: Case, num_data: int, num_drawn: int, seed: int) -> dict[str, Any]:
    """Counts of every verdict, right and off."""

    def one(key: jax.Array) -> tuple[jax.Array, ...]:
        key_data, key_drawn = jax.random.split(key)
        ratios = [
            jax.vmap(case.model.log_prob)(x) - jax.vmap(case.q.log_prob)(x)
            for x in (draw(case.data, key_data, num_data).x, draw(case.q, key_drawn, num_drawn).x)
        ]
        alarm = three_way_alarm(*ratios)
        return judged(alarm), alarm.forward.value, alarm.forward.stderr, alarm.symmetric.value

    keys = jax.random.split(jax.random.key(seed), NUM_REPEATS)
    verdict, value, stderr, symmetric = (np.asarray(each) for each in jax.jit(lambda k: jax.lax.map(one, k, batch_size=20))(keys))
    off, agrees = np.abs(value) > OFF, verdict == VERDICTS.index(AGREE)
    is_coarse = 3.0 * _rms(value) > OFF or 3.0 * _rms(value - symmetric) > 2.0 * OFF
    too_few = verdict == VERDICTS.index(TOO_FEW)
    return {
        "counts": {name: [int(np.sum((verdict == i) & (off == bad))) for bad in (False, True)] for i, name in enumerate(VERDICTS)},
        "silent": int(np.sum(agrees & off & (np.abs(value) > 2.576 * stderr))),
        "symmetric_off": int(np.sum(agrees & (np.abs(symmetric) > OFF))),
        "rightly_too_few": int(np.sum(too_few & (off | is_coarse))),
        "fits": case.fits,
        "blind": case.blind,
        "rms": _rms(value),
        "stderr": float(np.mean(stderr)),
    }


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def page(record: Record) -> list[str]:
    rows: dict[str, Any] = record["rows"]
    sighted = {name: row for name, row in rows.items() if not row["blind"]}
    total, seen = _counts(rows), _counts(sighted)
    lines = [
        "# Is the alarm right?",
        "",
        "| verdict | log Z right (within .05) | off | off, without the blind spots |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {total[name][0]:,} | {total[name][1]:,} | {seen[name][1]:,} |" for name in VERDICTS),
        "",
    ]
    blind, symmetric_off = total[AGREE][1] - seen[AGREE][1], sum(row["symmetric_off"] for row in sighted.values())
    lines += [
        f"**Misses**, log Z off beside *agree*: {seen[AGREE][1]} of {seen[AGREE].sum():,} outside the blind spots; {blind:,} in them,",
        f"which every verdict names. The acceptance ratio's log Z, which runs on trajectories report, {symmetric_off} times outside them:",
        "where the data do not follow the model it is biased, and *agree* allows .1 between the two"
        f"{_where(sighted, lambda row: row['symmetric_off'])}.",
    ]
    fitting = {name: row for name, row in rows.items() if row["fits"]}
    right, false = sum(each[0] for each in _counts(fitting).values()), _counts(fitting)[MISFIT][0]
    lines += [
        "",
        f"**False alarms**, *{MISFIT}* although the data follow the model and log Z is right: {false} of {right:,} such",
        f"cases ({100 * false / right:.2f} %){_where(fitting, lambda row: row['counts'][MISFIT][0])}.",
    ]
    few, wrongly = total[TOO_FEW], sum(_wrongly(row) for row in rows.values())
    lines += [
        "",
        f"**{TOO_FEW.capitalize()}** is said {few.sum():,} times, {few.sum() - wrongly:,} times rightly: log Z is off",
        f"({few[1]:,}), or the samples of that case do not give log Z to {OFF} nats at three root mean squares of its error, or the",
        f"check by the data to twice that. {wrongly:,} times they would have: mostly fewer than 20 effective data in the",
        "reciprocal estimate, where q is broad. It accuses nobody, and is no false alarm.",
        "",
        "| case | agree / misfit / too few / none | off | off beside agree | too few, wrongly | rms error | mean stderr |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        counts = row["counts"]
        verdicts, off = (" / ".join(str(sum(counts[each])) for each in VERDICTS), sum(counts[each][1] for each in VERDICTS))
        numbers = f"{verdicts} | {off} | {counts[AGREE][1]} | {_wrongly(row)} | {row['rms']:.4f} | {row['stderr']:.4f}"
        lines.append(f"| {name} | {numbers} |")
    lines += ["", "## Misses and their causes", ""]
    for name, row in rows.items():
        if missed := row["counts"][AGREE][1]:
            lines.append(f"- {name}: {missed} ({row['silent']} outside the reported 99 % interval); {row['blind'] or CHANCE}")
    lines += ["", f"{record['repeats']} repeats a case, of which none helped to set a rule or a threshold: that was done on others."]
    return lines


def _counts(rows: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.sum([row["counts"][name] for row in rows.values()], axis=0) for name in VERDICTS}


def _wrongly(row: dict[str, Any]) -> int:
    return sum(row["counts"][TOO_FEW]) - row["rightly_too_few"]


def _where(rows: dict[str, Any], count: Callable[[Any], int]) -> str:
    found = [f"{count(row)} in *{name}*" for name, row in rows.items() if count(row)]
    return f": {', '.join(found)}" if found else ""


CHANCE = "an error beyond three of its standard errors, by chance or because the sample shows too small a one"

if __name__ == "__main__":
    sys.exit(main())

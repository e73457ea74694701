"""``summary.json`` of ``triality ebm``, and the table that the command prints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from triality.cli.evaluation import interquartile_mean_of
from triality.cli.options import EbmOptions
from triality.cli.tables import number
from triality.partition.table import EXACT, IMPORTANCE, LogZTable

if TYPE_CHECKING:
    from triality.cli.density_judgement import Judged
    from triality.cli.density_split import Split
    from triality.cli.density_stages import Fitted

NO_DENSITY = "no density: what this objective learns has no log Z, so that there is nothing to trust or to doubt"


def summarize(
    config: dict[str, Any], options: EbmOptions, split: Split, fits: list[Fitted], judged: list[Judged], seconds: float
) -> dict[str, Any]:
    """The frozen fields; log Z, its estimates and the alarm are those of the first seed, and every seed holds its own."""
    seeds = [_seed(options.seed + i, fitted, each) for i, (fitted, each) in enumerate(zip(fits, judged, strict=True))]
    names = [name for name in seeds[0]["metrics"] if all(name in seed["metrics"] for seed in seeds)]
    overall: dict[str, Any] = {
        "test_log_likelihood": interquartile_mean_of([seed["test_log_likelihood"] for seed in seeds]),
        "metrics": {name: interquartile_mean_of([seed["metrics"][name] for seed in seeds]) for name in names},
        "num_train": len(split.train),
        "num_valid": len(split.valid),
        "num_test": len(split.test),
    }
    first = judged[0].log_z
    return {
        "command": "ebm",
        "config": config,
        "seeds": seeds,
        "iqm": overall,
        "log_z": None if first is None else reported(first),
        "log_z_estimates": {} if first is None else estimates(first),
        "alarm": NO_DENSITY if first is None else first.verdict,
        "env_steps": None,
        "env_steps_per_second": None,
        "seconds": seconds,
    }


def reported(found: LogZTable) -> float:
    """The exact log Z where there is one, else that of importance sampling."""
    rows = {row.method: row.value for row in found.rows}
    return rows.get(EXACT, rows[IMPORTANCE])


def estimates(found: LogZTable) -> dict[str, dict[str, Any]]:
    """By estimator: value, standard error, health, cost, and what it takes for granted."""
    return {
        row.method.name.replace(",", "").replace(" ", "_"): {
            "value": finite(row.value),
            "stderr": finite(row.stderr),
            "ess": finite(row.ess),
            "overlap": finite(row.overlap),
            "num_energies": row.num_energies,
            "assumes": row.method.assumes,
        }
        for row in found.rows
    }


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinity: null stands for them."""
    return float(value) if math.isfinite(value) else None


def _seed(seed: int, fitted: Fitted, judged: Judged) -> dict[str, Any]:
    metrics = {name: finite(value) for name, value in judged.metrics.items()}
    speeds = {f"{stage}_steps_per_second": finite(rate) for stage, rate in fitted.steps_per_second.items()}
    found = judged.log_z
    return {
        "seed": seed,
        "test_log_likelihood": metrics["test_log_likelihood"],
        "metrics": {**metrics, **speeds},
        "is_tilted": fitted.is_tilted,
        "log_z": None if found is None else finite(reported(found)),
        "log_z_estimates": {} if found is None else estimates(found),
        "alarm": NO_DENSITY if found is None else found.verdict,
    }


def print_result(console: Console, summary: dict[str, Any], report: Path) -> None:
    """Likelihoods side by side, log Z by every estimator, the alarm, and where to look next."""
    config, overall = summary["config"], summary["iqm"]
    metrics = overall["metrics"]
    source = config["target"] or Path(config["data"]).name
    table = Table(
        title=f"{source}: {config['generator']}, {config['objective']}, {config['seeds']} seed{'' if config['seeds'] == 1 else 's'}"
    )
    table.add_column("model")
    table.add_column("test log likelihood (nats a sample)", justify="right")
    table.add_row("generator by likelihood", number(metrics["likelihood_generator_test_log_likelihood"], 4))
    table.add_row("generator in the end", number(metrics["generator_test_log_likelihood"], 4))
    if summary["log_z_estimates"]:
        table.add_row("energy", number(overall["test_log_likelihood"], 4), style="bold")
    console.print(table)
    if summary["log_z_estimates"]:
        _print_gain(console, metrics)
        print_estimates(console, summary["log_z_estimates"], config["seeds"])
    console.print(f"alarm: {summary['alarm']}")
    rates = [seed["metrics"].get("energy_steps_per_second") for seed in summary["seeds"]]
    speed = float(np.mean([rate for rate in rates if rate])) if any(rates) else None
    console.print(f"{summary['seconds']:.0f} s in all, {number(speed, 0)} energy steps/s")
    console.print(f"report: {report}", soft_wrap=True)


def _print_gain(console: Console, metrics: dict[str, Any]) -> None:
    gain, half = metrics.get("gain"), 1.96 * (metrics.get("gain_stderr") or 0.0)
    if gain is not None and abs(gain) > 1e-9:
        more = "more" if gain > 0 else "less"
        console.print(f"energy over generator by likelihood, same rows: {abs(gain):.2g} ± {half:.2g} nats {more} (95 %)")


def print_estimates(console: Console, found: dict[str, dict[str, Any]], num_seeds: int) -> None:
    """All estimates of log Z, with errors and what each takes for granted."""
    table = Table(title="log Z (nats)" + ("" if num_seeds == 1 else ", first seed"))
    table.add_column("estimate")
    table.add_column("log Z", justify="right")
    table.add_column("standard error", justify="right")
    table.add_column("assumes")
    for name, each in found.items():
        error = "-" if each["stderr"] is None else f"{each['stderr']:.2g}"
        table.add_row(name.replace("_", " "), number(each["value"], 4), error, each["assumes"])
    console.print(table)

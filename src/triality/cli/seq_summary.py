"""``summary.json`` of ``triality seq``, and the table that the command prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from triality.cli.density_summary import estimates, finite, print_estimates, reported
from triality.cli.evaluation import interquartile_mean_of
from triality.cli.seq_names import ORACLE
from triality.cli.seq_options import SeqOptions
from triality.cli.tables import number
from triality.data.sequences import SequenceData

if TYPE_CHECKING:
    from triality.cli.seq_judgement import Judged
    from triality.cli.seq_stages import FittedSequences

FROZEN = ("nll_oracle", "nll_test", "kl_forward", "kl_reverse", "best_sum")
"""Fields that every run has, null where there is no oracle."""
NO_DENSITY = "no energy that is a density: there is no log Z to trust or to doubt"


def summarize(
    config: dict[str, Any], options: SeqOptions, data: SequenceData, fits: list[FittedSequences], judged: list[Judged], seconds: float
) -> dict[str, Any]:
    """The frozen fields are of the generator in the end; those of the energy begin with ``energy_``."""
    seeds = [_seed(options.seed + i, fitted, each) for i, (fitted, each) in enumerate(zip(fits, judged, strict=True))]
    names = [name for name in seeds[0]["metrics"] if all(name in seed["metrics"] for seed in seeds)]
    means = {name: interquartile_mean_of([seed["metrics"][name] for seed in seeds]) for name in names}
    first = next((each.log_z for each in judged if each.log_z is not None), None)
    return {
        "command": "seq",
        "config": config,
        "seeds": seeds,
        "iqm": {**{name: means.get(name) for name in FROZEN}, "metrics": means},
        "log_z": None if first is None else finite(reported(first)),
        "log_z_estimates": {} if first is None else estimates(first),
        "alarm": NO_DENSITY if first is None else first.verdict,
        "env_steps": None,
        "env_steps_per_second": None,
        "seconds": seconds,
    }


def _seed(seed: int, fitted: FittedSequences, judged: Judged) -> dict[str, Any]:
    metrics = {name: finite(value) for name, value in judged.metrics.items()}
    speeds = {f"{stage}_steps_per_second": finite(rate) for stage, rate in fitted.steps_per_second.items()}
    return {
        "seed": seed,
        **{name: metrics.get(name) for name in FROZEN},
        "metrics": {**metrics, **speeds},
        "is_tilted": fitted.is_tilted,
        "log_z": None if judged.log_z is None else finite(reported(judged.log_z)),
        "alarm": NO_DENSITY if judged.log_z is None else judged.log_z.verdict,
    }


def print_result(console: Console, summary: dict[str, Any], report: Path) -> None:
    """Likelihoods side by side, log Z by every estimator, the alarm, and where to look next."""
    config, metrics = summary["config"], summary["iqm"]["metrics"]
    source = Path(config["data"].removeprefix(ORACLE)).name
    seeds = f"{config['seeds']} seed{'' if config['seeds'] == 1 else 's'}"
    has_oracle = summary["iqm"]["nll_oracle"] is not None
    shown = Table(title=f"{source}: {config['generator']}, {config['objective']}, {seeds} (nats a token)")
    shown.add_column("model")
    columns = ("NLL, test", *(("NLL, oracle", "KL(data, model)", "KL(model, data)") if has_oracle else ("perplexity",)))
    for name in columns:
        shown.add_column(name, justify="right")
    rows = {
        "generator by its own loss": ("likelihood_nll_test",),
        "generator in the end": ("nll_test", "nll_oracle", "kl_forward", "kl_reverse"),
    }
    if "energy_nll_test" in metrics:
        rows["energy"] = ("energy_nll_test", "energy_nll_oracle", "energy_kl_forward", "energy_kl_reverse")
    for name, fields in rows.items():
        cells = [number(metrics.get(field), 4) for field in fields[: len(columns) if has_oracle else 1]]
        if not has_oracle and name != "generator by its own loss":
            cells.append(number(metrics.get("perplexity" if name.startswith("generator") else "energy_perplexity_high"), 2))
        shown.add_row(name, *cells)
    console.print(shown)
    if summary["log_z_estimates"]:
        print_estimates(console, summary["log_z_estimates"], config["seeds"])
    console.print(f"alarm: {summary['alarm']}")
    console.print(f"{summary['seconds']:.0f} s in all")
    console.print(f"report: {report}", soft_wrap=True)

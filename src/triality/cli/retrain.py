"""``triality retrain``: a fresh policy for the learned cost alone."""

from __future__ import annotations

import functools
import shutil

from rich.console import Console

from triality.cli.config import as_config
from triality.cli.names import COSTLESS, METHODS
from triality.cli.options import RetrainOptions
from triality.cli.ranges import counts, refuse, seeds
from triality.cli.stored import learned_in, load_states, open_run
from triality.errors import ConfigError
from triality.runs.folder import RETRAINING, RunFolder
from triality.runs.json_files import write_json
from triality.runs.resumption import digest_of

REMEDY = "learn the cost again with a lower --cost-learning-rate or --policy-learning-rate"


def run(options: RetrainOptions) -> int:
    """Train and evaluate one fresh policy for the cost of each seed; returns the exit code."""
    refuse(counts(options, "iterations", "episodes") + seeds(options) + options.kept.problems(options.overwrite))
    stored = open_run(options.run)
    if stored.options.algorithm in COSTLESS:
        method = METHODS[stored.options.algorithm]
        raise ConfigError(f"expected a run that learned a cost, got {method} in {options.run}; use gan-gcl or guided-cost")
    training = stored.folder.path / RETRAINING
    RunFolder.check(training, options.overwrite, options.kept.resume)
    from triality.cli.evaluation import evaluate_policies, interquartile_mean
    from triality.cli.tables import print_returns
    from triality.runs.keeper import kept_run

    algorithm, states = load_states(stored)
    task, number_of_seeds = stored.task, stored.options.seeds
    if task.on_host:
        from triality.cli.host_retrain import retrained
    else:
        from triality.cli.compiled_retrain import retrained
    console = Console()
    note = functools.partial(console.print, soft_wrap=True, highlight=False)
    with kept_run(
        training, "retrain", as_config(options), options.kept.keeping(options.overwrite, {"run": digest_of(learned_in(stored))}), note
    ) as keeper:
        policies = retrained(stored, algorithm, states, options, console, REMEDY, keeper)
        keeper.closing()
    results = [float(each["mean"].mean()) for each in evaluate_policies(policies, number_of_seeds, task, options.episodes)]
    scale = stored.scale

    rows: list[tuple[str, float | None, float | None]] = [*scale.ends]
    rows += [(f"policy of the run, seed {each['seed']}", each["return_mean"], each["return_normalized"]) for each in stored.seed_records]
    rows += [(f"fresh policy, cost of seed {stored.options.seed + i}", value, scale.normalized(value)) for i, value in enumerate(results)]
    overall = interquartile_mean(list(results))
    rows.append(("interquartile mean of the fresh policies", overall, scale.normalized(overall)))
    what = f"trained on the learned cost alone, {options.iterations} iterations"
    print_returns(Console(), f"{stored.options.env} in {task.simulator}: {what}", rows)
    records = [{"who": name, "return": value, "normalized": share} for name, value, share in rows]
    write_json(stored.folder.path / "retrained.json", {"simulator": task.simulator, "iterations": options.iterations, "rows": records})
    shutil.rmtree(training, ignore_errors=True)
    return 0

"""``triality retrain``: a fresh policy for the learned cost alone."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from typing import Any

from rich.console import Console

from triality.cli.config import as_config
from triality.cli.names import Task
from triality.cli.options import RetrainOptions
from triality.cli.other_world import problems_of, scale_in, world_of
from triality.cli.ranges import counts, refuse, seeds, weights
from triality.cli.stored import StoredRun, learned_in, load, open_run_with_cost
from triality.data.reference_returns import ReturnScale
from triality.runs.folder import RETRAINING, RunFolder
from triality.runs.json_files import write_json
from triality.runs.resumption import digest_of

REMEDY = "learn the cost again with a lower --cost-learning-rate or --policy-learning-rate"


def run(options: RetrainOptions) -> int:
    """Train and evaluate one fresh policy for the cost of each seed; returns the exit code."""
    asked = [] if options.temperature is None else weights(options, "temperature")
    problems = counts(options, "iterations", "episodes") + asked + seeds(options)
    refuse(problems + options.kept.problems(options.overwrite) + problems_of(options))
    stored = _at_temperature(open_run_with_cost(options.run), options.temperature)
    world = world_of(stored, options)
    training = stored.folder.path / RETRAINING
    RunFolder.check(training, options.overwrite, options.kept.resume)
    from triality.cli.evaluation import evaluate_policies, interquartile_mean_of
    from triality.runs.keeper import kept_run

    _, states, unfinished = load(stored)
    there = stored._replace(task=world)
    if world.on_host:
        from triality.cli.host_retrain import retrained
    else:
        from triality.cli.compiled_retrain import retrained
    console = Console()
    note = functools.partial(console.print, soft_wrap=True, highlight=False)
    keeping = options.kept.keeping(options.overwrite, {"run": digest_of(learned_in(stored))})
    with kept_run(training, "retrain", as_config(options), keeping, note) as keeper:
        policies = retrained(there, states, options, console, REMEDY, keeper)
        keeper.closing()
    judged_in = world._replace(spec=world.bare) if world.on_host else world
    judged = evaluate_policies(policies, stored.options.seeds, judged_in, options.episodes)
    results, sampled = ([float(each[how].mean()) for each in judged] for how in ("mean", "sampled"))
    scale = stored.scale if options.env is None else scale_in(world, options.expert_return)
    names = [f"fresh policy, cost of seed {stored.options.seed + i}" for i in range(stored.options.seeds)]
    rows = _context(stored, options, scale)
    rows += [(name, value, scale.normalized(value)) for name, value in zip(names, results, strict=True)]
    overall = interquartile_mean_of(results)
    rows.append(("interquartile mean of the fresh policies", overall, scale.normalized(overall)))
    _report(stored, options, world, rows, dict(zip(names, sampled, strict=True)), unfinished)
    shutil.rmtree(training, ignore_errors=True)
    return 0


def _at_temperature(stored: StoredRun, temperature: float | None) -> StoredRun:
    """Of the same cost, with the policies' weight of the entropy that is asked for."""
    return stored if temperature is None else stored._replace(options=replace(stored.options, temperature=temperature))


Row = tuple[str, float | None, float | None]


def _context(stored: StoredRun, options: RetrainOptions, scale: ReturnScale) -> list[Row]:
    """What the fresh policies are held against: nothing that the run did tells of another world."""
    if options.env is None:
        policies = [
            (f"policy of the run, seed {each['seed']}", each["return_mean"], each["return_normalized"]) for each in stored.seed_records
        ]
        return [*scale.ends, *policies]
    (_, random, zero), (_, expert, one) = scale.ends
    return [("random actions", random, zero), ("policy trained there on the true reward", expert, one)]


def _report(
    stored: StoredRun, options: RetrainOptions, world: Task, rows: list[Row], sampled: dict[str, float], unfinished: dict[str, Any]
) -> None:
    """``sampled``: returns of sampled actions, which those of ``triality expert`` compare with; the rows have the mean action's."""
    from triality.cli.tables import print_returns

    learned_in = "" if options.env is None else f" of {stored.options.env}"
    what = f"trained on the learned cost{learned_in} alone, {options.iterations} iterations"
    print_returns(Console(), f"{world.bare.name} in {world.simulator}: {what}", rows)
    records = [
        {"who": name, "return": value, "normalized": share} | ({"sampled": sampled[name]} if name in sampled else {})
        for name, value, share in rows
    ]
    contents = {"simulator": world.simulator, "iterations": options.iterations}
    contents |= {"temperature": stored.options.temperature, "rows": records, **unfinished}
    if options.env is None:
        write_json(stored.folder.path / "retrained.json", contents)
    else:
        write_json(stored.folder.path / "transfer.json", {"learned_in": stored.options.env, "env": options.env, **contents})

"""``triality eval``: the learned policy in the real environment: Gymnasium's own, or the compiled one where it is ours."""

from __future__ import annotations

from rich.console import Console

from triality.cli.options import EvalOptions
from triality.cli.ranges import counts, refuse
from triality.cli.stored import load, open_run
from triality.runs.json_files import write_json


def run(options: EvalOptions) -> int:
    """Evaluate every seed of a run; returns the exit code."""
    refuse(counts(options, "episodes"))
    stored = open_run(options.run)
    from triality.cli.evaluation import evaluate_policies, in_gymnasium, interquartile_mean_of
    from triality.cli.tables import print_returns

    loaded = load(stored)
    results = evaluate_policies(loaded.states.policy, stored.options.seeds, stored.task, options.episodes, in_gymnasium)
    scale = stored.scale

    rows: list[tuple[str, float | None, float | None]] = [*scale.ends]
    for index, result in enumerate(results):
        mean, sampled = float(result["mean"].mean()), float(result["sampled"].mean())
        rows.append((f"seed {stored.options.seed + index}, mean action", mean, scale.normalized(mean)))
        rows.append((f"seed {stored.options.seed + index}, sampled actions", sampled, scale.normalized(sampled)))
    overall = interquartile_mean_of([float(result["mean"].mean()) for result in results])
    assert overall is not None
    rows.append(("interquartile mean, mean action", overall, scale.normalized(overall)))
    which = "" if stored.task.is_ours else f", reset seeds 0-{options.episodes - 1}"
    print_returns(Console(), f"{stored.options.env} in {stored.task.simulator}, {options.episodes} episodes a policy{which}", rows)
    records = [{"who": name, "return": value, "normalized": share} for name, value, share in rows]
    contents = {"simulator": stored.task.simulator, "episodes": options.episodes, "rows": records, **loaded.unfinished}
    write_json(stored.folder.path / "evaluation.json", contents)
    return 0

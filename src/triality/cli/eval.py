"""``triality eval``: the learned policy in Gymnasium's own environment."""

from __future__ import annotations

from rich.console import Console

from triality.cli.options import EvalOptions
from triality.cli.stored import load_states, open_run
from triality.data.reference_returns import normalized_return
from triality.errors import ConfigError
from triality.runs.json_files import write_json


def run(options: EvalOptions) -> int:
    """Evaluate every seed of a run; returns the exit code."""
    if options.episodes < 1:
        raise ConfigError(f"expected --episodes of at least 1, got {options.episodes}; 100 is the default")
    stored = open_run(options.run)
    from triality.cli.evaluation import evaluate_policies, interquartile_mean
    from triality.cli.tables import print_returns

    _, states = load_states(stored)
    results = evaluate_policies(states.policy, stored.options.seeds, stored.choice.task, options.episodes)
    expert, random = stored.summary["iqm"]["expert_return"], stored.summary["iqm"]["random_return"]

    def normalized(value: float) -> float | None:
        return None if expert is None else normalized_return(value, random, expert)

    rows: list[tuple[str, float | None, float | None]] = [("random actions", random, 0.0), ("demonstrations", expert, 1.0)]
    for index, result in enumerate(results):
        mean, sampled = float(result["mean"].mean()), float(result["sampled"].mean())
        rows.append((f"seed {stored.options.seed + index}, mean action", mean, normalized(mean)))
        rows.append((f"seed {stored.options.seed + index}, sampled actions", sampled, normalized(sampled)))
    overall = interquartile_mean([float(result["mean"].mean()) for result in results])
    assert overall is not None
    rows.append(("interquartile mean, mean action", overall, normalized(overall)))
    print_returns(Console(), f"{stored.options.env}, {options.episodes} episodes a policy, reset seeds 0-{options.episodes - 1}", rows)
    records = [{"who": name, "return": value, "normalized": share} for name, value, share in rows]
    write_json(stored.folder.path / "evaluation.json", {"episodes": options.episodes, "rows": records})
    return 0

"""``triality judge``: how far learned costs are from the true one, or from another run's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from triality.cli.judge_options import TRUE, JudgeOptions
from triality.cli.ranges import counts, refuse, seeds
from triality.cli.stored import StoredRun, load, load_states, open_run_with_cost
from triality.errors import ConfigError
from triality.runs.folder import check_writable
from triality.runs.json_files import write_json

JUDGEMENT, PAGE = "judgement.json", "judgement.html"


def run(options: JudgeOptions) -> int:
    """Judge the cost of every seed; returns the exit code."""
    refuse(_problems(options))
    stored = _with_cost(options.run)
    other = None if options.against == TRUE else _with_cost(Path(options.against))
    if other is not None:
        _refuse_other_task(stored, other)
    check_writable(stored.folder.path, "RUN")
    import jax

    from triality.cli.certainty_page import line
    from triality.cli.judged_certainty import certainty, determined_by, seen_demonstrations
    from triality.cli.judged_steps import batch_cost, covered, true_cost
    from triality.cli.judgement import Reference, judge_by_samples, judge_exactly, visited
    from triality.cli.judgement_page import write_page
    from triality.cli.judgement_table import print_judgement
    from triality.cli.names import make_environment
    from triality.envs.gridworld import TabularEnvironment

    _, states, unfinished = load(stored)
    modules = [jax.tree.map(lambda leaf, i=index: leaf[i], states.cost) for index in range(stored.options.seeds)]
    costs, seen = [batch_cost(each) for each in modules], seen_demonstrations(stored)
    over = covered(stored.task, states.policy, stored.options.seeds, options.episodes, options.seed)
    steps = over.steps
    if other is None:
        reference = Reference(steps.cost, true_cost(stored.task))
    else:
        theirs = batch_cost(jax.tree.map(lambda leaf: leaf[0], load_states(other)[1].cost))
        reference = Reference(theirs(steps.observation, steps.action, steps.after), theirs)
    judged = [judge_by_samples(cost, reference, over, options) for cost in costs]
    environment, exact = make_environment(stored.task), []
    if isinstance(environment, TabularEnvironment) and reference.anywhere is not None and 0.0 < options.discount < 1.0:
        weights = visited(steps, environment)
        exact = [judge_exactly(cost, reference.anywhere, environment, weights, options) for cost in costs]
    found = certainty(modules, seen, over, stored, options)
    if isinstance(environment, TabularEnvironment) and 0.0 < options.discount < 1.0:
        found = determined_by(found, seen, environment, options, stored.options.cost)
    record = _record(stored, options, [each.numbers for each in judged], exact)
    record["steps"] = {"learned": over.num_learned, "random": len(steps.cost) - over.num_learned}
    record["certainty"] = found.numbers
    record |= unfinished
    write_json(stored.folder.path / JUDGEMENT, record)
    write_page(stored.folder.path / PAGE, record, judged, over, found)
    print_judgement(Console(), record)
    Console().print(line(found), soft_wrap=True)
    Console().print(f"judgement: {stored.folder.path / PAGE}", soft_wrap=True)
    return 0


def _problems(options: JudgeOptions) -> list[str]:
    found = counts(options, "episodes", "pairs") + counts(options, "waves", least=0) + seeds(options)
    if not 0.0 <= options.discount <= 1.0:
        found.append(f"expected --discount between 0 and 1, got {options.discount}; 0.99 is that of the policies' updates")
    return found


def _with_cost(path: Path) -> StoredRun:
    stored = open_run_with_cost(path)
    if stored.options.cost == "constant":
        raise ConfigError(f"expected a run that learned a cost, got the constant one in {path}; it orders nothing, and has no distance")
    return stored


def _refuse_other_task(stored: StoredRun, other: StoredRun) -> None:
    """Rewards over different spaces cannot be compared, nor those of one space whose episodes end differently."""
    names = [each.task.bare.name for each in (stored, other)]
    if stored.task.spec != other.task.spec:
        raise ConfigError(
            f"expected two runs over the same environment, got {names[0]} and {names[1]} (or one with an absorbing state and one "
            "without); judge either against the true cost"
        )


def _record(stored: StoredRun, options: JudgeOptions, numbers: list[dict[str, Any]], exact: list[dict[str, Any]]) -> dict[str, Any]:
    first = stored.options.seed
    return {
        "run": str(stored.folder.path),
        "env": stored.options.env,
        "algorithm": stored.options.algorithm,
        "against": options.against,
        "discount": options.discount,
        "episodes": options.episodes,
        "pairs": options.pairs,
        "waves": options.waves,
        "seeds": [{"seed": first + i, **each} for i, each in enumerate(numbers)],
        "exact": [{"seed": first + i, **each} for i, each in enumerate(exact)],
    }

"""``triality expert``: an expert, trained on the true reward or there already, and its demonstrations with their log-probabilities."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from rich.console import Console

from triality.cli import ranges
from triality.cli.asked_expert import AskedExpert, expert_notes, find_expert
from triality.cli.config import as_config
from triality.cli.names import Hosting, Task, find_task
from triality.cli.options import LEFT, ExpertOptions
from triality.cli.outputs import check_export_folder, check_file, make_folder
from triality.cli.ranges import refuse
from triality.errors import ConfigError
from triality.runs.folder import RunFolder

REMEDY = "lower --policy-learning-rate"
LEAST_STEPS = 32
"""Of a round: an update takes that many pieces of it."""


def run(options: ExpertOptions) -> int:
    """Train, record, report; returns the exit code."""
    task, asked = _check(options)
    from triality.cli.tables import print_returns
    from triality.data.demonstration_file import write_demonstrations
    from triality.data.demonstrations import Demonstrations
    from triality.runs.keeper import kept_run

    console = Console()
    if task.on_host:
        from triality.cli.host_expert import record, train
    else:
        from triality.cli.compiled_expert import record, train
    if asked is None:
        note = functools.partial(console.print, soft_wrap=True, highlight=False)
        with kept_run(training_folder(options.out), "expert", as_config(options), options.kept.keeping(options.overwrite), note) as keeper:
            expert = train(task, options, console, REMEDY, keeper)
            keeper.closing()
        origin = {"expert": "soft-optimal for the true reward", "temperature": options.temperature}
    else:
        from triality.cli.compiled_expert import Expert
        from triality.cli.expert_policy import load_expert

        for note in expert_notes(asked, task):
            console.print(f"note: {note}", soft_wrap=True, highlight=False)
        expert = Expert(load_expert(asked), task.bare)
        origin = {"expert": f"the policy in {asked.path}"}
    recorded = record(task, options, console, expert)
    meta = {"environment": options.env, **origin, "seed": options.seed, **recorded.meta}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    demonstrations = Demonstrations.from_arrays(recorded.columns, meta)
    write_demonstrations(options.out, demonstrations)
    if options.policy_out is not None:
        from triality.export.write import write_policy

        make_folder(options.policy_out, "--policy-out")
        write_policy(options.policy_out, expert.policy, expert.spec, expert.spec is not task.bare)
    if asked is None:
        shutil.rmtree(training_folder(options.out), ignore_errors=True)
    rows = [(f"expert, {options.num_episodes} episodes, sampled actions", float(demonstrations.returns().mean()), None)]
    print_returns(console, f"{options.env}: demonstrations in {options.out}", rows)
    if options.policy_out is not None:
        console.print(f"policy in {options.policy_out}", soft_wrap=True, highlight=False)
    return 0


def training_folder(out: Path) -> Path:
    """Where an expert is kept while it is trained; gone when its demonstrations are there."""
    return out.with_name(f"{out.name}.training")


def _check(options: ExpertOptions) -> tuple[Task, AskedExpert | None]:
    """Everything that can be refused before jax is loaded.

    Raises:
        ConfigError: an option is wrong; the problems of numbers are listed together.
    """
    task = find_task(options.env, options.host)._replace(hosting=Hosting(options.workers, options.max_restarts, options.patience))
    refuse(
        [
            *ranges.counts(options, "num_episodes", "iterations"),
            *(
                []
                if options.num_rollouts == LEFT
                else ranges.counts(options, "num_rollouts", least=-(-LEAST_STEPS // task.bare.time_limit))
            ),
            *ranges.temperatures(options),
            *ranges.rates(options, "policy_learning_rate", "discount", "gae_lambda"),
            *ranges.seeds(options),
            *ranges.hosting(options, task.on_host),
            *options.kept.problems(options.overwrite),
        ]
    )
    if options.expert is not None and options.policy_out is not None:
        raise ConfigError("expected --policy-out for an expert that is trained here, got --expert too, one that is there; leave one out")
    check_file(options.out)
    if options.out.exists() and not options.overwrite:
        raise ConfigError(f"{options.out}: expected a new file, got an existing one; add --overwrite or choose another --out")
    if options.expert is None:
        RunFolder.check(training_folder(options.out), options.overwrite, options.kept.resume)
    if options.policy_out is not None:
        check_export_folder(options.policy_out, ("policy",), options.overwrite, "--policy-out")
    # An unsquashed expert is fine: its actions are recorded as they are.
    return task, None if options.expert is None else find_expert(options.expert, task, "raw")

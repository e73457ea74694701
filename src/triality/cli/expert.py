"""``triality expert``: a soft-optimal expert for the true reward, its demonstrations with their log-probabilities, and itself."""

from __future__ import annotations

from rich.console import Console

from triality.cli import ranges
from triality.cli.names import Task, find_task
from triality.cli.options import ExpertOptions
from triality.cli.outputs import check_export_folder, check_file, make_folder
from triality.cli.ranges import refuse
from triality.errors import ConfigError

REMEDY = "lower --policy-learning-rate"


def run(options: ExpertOptions) -> int:
    """Train, record, report; returns the exit code."""
    task = _check(options)
    from triality.cli.tables import print_returns
    from triality.data.demonstration_file import write_demonstrations
    from triality.data.demonstrations import Demonstrations

    console = Console()
    if task.on_host:
        from triality.cli.host_expert import trained_and_recorded
    else:
        from triality.cli.compiled_expert import trained_and_recorded
    recorded = trained_and_recorded(task, options, console, REMEDY)
    meta = {
        "environment": options.env,
        "expert": "soft-optimal for the true reward",
        "temperature": options.temperature,
        "seed": options.seed,
        **recorded.meta,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    demonstrations = Demonstrations.from_arrays(recorded.columns, meta)
    write_demonstrations(options.out, demonstrations)
    if options.policy_out is not None:
        from triality.export.write import write_policy

        make_folder(options.policy_out, "--policy-out")
        write_policy(options.policy_out, recorded.policy, recorded.spec, recorded.spec is not task.bare)
    rows = [(f"expert, {options.num_episodes} episodes, sampled actions", float(demonstrations.returns().mean()), None)]
    print_returns(console, f"{options.env}: demonstrations in {options.out}", rows)
    if options.policy_out is not None:
        console.print(f"policy in {options.policy_out}", soft_wrap=True, highlight=False)
    return 0


def _check(options: ExpertOptions) -> Task:
    """Everything that can be refused before jax is loaded.

    Raises:
        ConfigError: an option is wrong; the problems of numbers are listed together.
    """
    task = find_task(options.env, options.host)
    refuse(
        [
            *ranges.counts(options, "num_episodes", "iterations"),
            *ranges.temperatures(options),
            *ranges.rates(options, "policy_learning_rate", "discount"),
            *ranges.seeds(options),
        ]
    )
    check_file(options.out)
    if options.out.exists() and not options.overwrite:
        raise ConfigError(f"{options.out}: expected a new file, got an existing one; add --overwrite or choose another --out")
    if options.policy_out is not None:
        check_export_folder(options.policy_out, ("policy",), options.overwrite, "--policy-out")
    return task

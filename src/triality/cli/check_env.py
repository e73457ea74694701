"""``triality check-env``: an environment of one's own, looked at before anything is learned in it. No jax, unless it is compiled."""

from __future__ import annotations

import contextlib
import faulthandler
import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from triality.cli import ranges
from triality.cli.check_env_options import CheckEnvOptions
from triality.cli.names import find_task, make_environment, nearest
from triality.errors import ConfigError
from triality.simulators.check import Report
from triality.simulators.check_apart import check_apart
from triality.specs import MUJOCO_SPECS, SPECS


def run(options: CheckEnvOptions) -> int:
    """Check, print what was looked at; returns the exit code.

    Raises:
        ConfigError: there is no such environment, or an option is wrong.
        SimulatorError: lists all that has to be mended.
    """
    patience = [] if 0 < options.patience < math.inf else [f"expected --patience above 0, got {options.patience}; give seconds"]
    ranges.refuse([*ranges.counts(options, "steps"), *ranges.seeds(options), *patience])
    is_compiled = options.env in SPECS and not options.host
    report = _compiled(options) if is_compiled else _on_host(options)
    console = Console()
    table = Table(title=Text(options.env), show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    for what, found in report.facts.items():
        table.add_row(Text(what), Text(found))
    if report.facts:
        console.print(table)
    for note in report.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    report.refuse()
    console.print(Text(f"{options.env}: nothing to mend; triality irl --env {options.env}{_host_flag(options)} takes it"), soft_wrap=True)
    return 0


def _host_flag(options: CheckEnvOptions) -> str:
    return "" if (options.env in SPECS and not options.host) or options.env in MUJOCO_SPECS else " --host"


def _on_host(options: CheckEnvOptions) -> Report:
    if not faulthandler.is_enabled():
        with contextlib.suppress(OSError, RuntimeError):  # where the errors go nowhere
            faulthandler.enable()  # native code that crashes leaves a stack
    try:
        return check_apart(options.env, num_steps=options.steps, seed=options.seed, patience=options.patience)
    except ConfigError as error:
        raise ConfigError(f"{error}; {nearest(options.env, {**SPECS, **MUJOCO_SPECS})}, or module:Id for one of your own") from error


def _compiled(options: CheckEnvOptions) -> Report:
    """By the check of compiled environments, which stops at the first fault."""
    from triality.envs.check import check_environment

    task = find_task(options.env)
    check_environment(make_environment(task), max(1, options.steps // 8), options.seed)
    spec = task.bare
    acted = f"{spec.num_actions}, by index" if spec.is_discrete else f"{spec.action_size} numbers, {spec.action_low} to {spec.action_high}"
    facts = {
        "runs": "compiled" + (", in an absorbing state after its end" if task.is_absorbing else ""),
        "observations": f"{spec.observation_size} numbers",
        "actions": acted,
        "time limit": f"{spec.time_limit} steps",
        "start and step": "functions of their key; the same compiled and batched",
        "random roll-outs": f"8 of {max(1, options.steps // 8)} steps, finite and within the bounds",
    }
    return Report(options.env, (), (), facts)

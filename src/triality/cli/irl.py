"""``triality irl``: everything that can be refused is refused here, before jax is imported and before a folder is made."""

from __future__ import annotations

from typing import NamedTuple

from triality.cli.names import Task, find_task, objective_name
from triality.cli.options import IrlOptions
from triality.data.checks import check_against
from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.errors import ConfigError
from triality.runs.folder import RunFolder


class Choice(NamedTuple):
    """Checked options.

    Fields:
        task: the environment.
        objective: its name, resolved; empty for cloning.
    """

    task: Task
    objective: str


class Plan(NamedTuple):
    """A checked command.

    Fields:
        task: the environment.
        demonstrations: all that the file holds, actions as the policy can take them.
        objective: its name, resolved; empty for cloning.
        notes: what the user should know about the data.
    """

    task: Task
    demonstrations: Demonstrations
    objective: str
    notes: tuple[str, ...]


def run(options: IrlOptions) -> int:
    """Check, then learn; returns the exit code."""
    plan = check(options)
    from triality.cli.learning import learn

    return learn(options, plan)


def check(options: IrlOptions) -> Plan:
    """The plan of a run.

    Raises:
        ConfigError: an option, or a combination of them, is wrong. All problems are listed together.
        DataError: the demonstrations cannot be read or do not fit.
    """
    choice = check_options(options)
    RunFolder.check(options.out, options.overwrite)
    checked = check_against(read_demonstrations(options.demos), choice.task.bare, options.actions, options.num_demos)
    return Plan(choice.task, checked.demonstrations, choice.objective, checked.notes)


def check_options(options: IrlOptions) -> Choice:
    """The part of ``check`` that reads no file."""
    task = find_task(options.env)
    problems = _number_problems(options) + _combination_problems(options)
    if problems:
        raise ConfigError("\n  ".join([f"{len(problems)} options cannot be used:", *problems]) if len(problems) > 1 else problems[0])
    objective = "" if options.algorithm == "bc" else objective_name(options.algorithm, options.objective)
    return Choice(task, objective)


def _number_problems(options: IrlOptions) -> list[str]:
    """Counts of at least one, rates above zero."""
    problems = []
    for name in ("num_demos", "seeds", "iterations", "past_samplers"):
        if getattr(options, name) < 1:
            problems.append(
                f"expected --{name.replace('_', '-')} of at least 1, got {getattr(options, name)}; give a positive whole number"
            )
    if options.num_rollouts < 4:
        problems.append(f"expected --num-rollouts of at least 4, got {options.num_rollouts}; the default is 96")
    if options.seed < 0:
        problems.append(f"expected --seed of at least 0, got {options.seed}; give a whole number from 0 up")
    for name in ("cost_learning_rate", "policy_learning_rate"):
        if not 0 < getattr(options, name) < 1:
            problems.append(
                f"expected --{name.replace('_', '-')} between 0 and 1, got {getattr(options, name)}; the default is a good start"
            )
    for name in ("gradient_penalty", "temperature"):
        if not 0 <= getattr(options, name) < float("inf"):
            problems.append(f"expected --{name.replace('_', '-')} of at least 0, got {getattr(options, name)}; give a finite number")
    return problems


def _combination_problems(options: IrlOptions) -> list[str]:
    problems = []
    if options.level == "step" and options.algorithm == "guided-cost":
        problems.append(
            "expected --level trajectory with --algorithm guided-cost, got step: there is no Z of a single step to estimate; "
            "use --algorithm gan-gcl per step, or --level trajectory"
        )
    if options.level == "step" and options.past_samplers > 1:
        problems.append(
            f"expected --past-samplers 1 with --level step, got {options.past_samplers}: the fusion density is one of trajectories; "
            "use --level trajectory"
        )
    return problems

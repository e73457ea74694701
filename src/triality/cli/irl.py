"""``triality irl``: everything that can be refused is refused here, before jax is imported and before a folder is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from triality.cli import ranges
from triality.cli.actor_options import actor_problems, share_problems
from triality.cli.asked_expert import AskedExpert, expert_notes, find_expert
from triality.cli.baselines import baseline_problems
from triality.cli.cost_class import cost_sees_problems
from triality.cli.crew import crew_of
from triality.cli.irl_defaults import COUNTS, USUAL_DEMOS, implied_temperature, resolve
from triality.cli.irl_devices import block_problems, device_problems
from triality.cli.keeping_options import track_problems
from triality.cli.names import (
    BASELINES,
    CLONING,
    COSTLESS,
    OBJECTIVES,
    REWARDS,
    SOFT_Q,
    Hosting,
    Task,
    find_task,
)
from triality.cli.options import LEFT, IrlOptions
from triality.cli.policy_update import policy_update_problems
from triality.cli.ranges import refuse
from triality.data.checks import check_against
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.one_length import check_one_length
from triality.runs.folder import RunFolder

NOT_OF_CLONING = (
    *("cost", "cost_sees", "objective", "starts", "init_policy", "temperature", "gradient_penalty", "past_samplers", "scaling"),
    *("cost_learning_rate", "num_rollouts", "policy_epochs", "policy_minibatches", "max_kl", "num_pairs", "reward", "shaping_discount"),
    *("policy_update", "sac_updates"),
)
"""Options that cloning does not use. It is of single steps whatever the level, so that one is no contradiction."""
NOT_OF_DAGGER = tuple(name for name in NOT_OF_CLONING if name != "num_rollouts")
"""Options that cloning with an expert to ask does not use."""


class Choice(NamedTuple):
    """Checked options.

    Fields:
        task: the environment.
        options: resolved, as the run stores them.
    """

    task: Task
    options: IrlOptions


class Plan(NamedTuple):
    """A checked command.

    Fields:
        task: the environment.
        demonstrations: all that the file holds, actions as the policy can take them.
        options: resolved, as the run stores them.
        notes: what the user should know about the data.
        expert: whom DAgger asks.
    """

    task: Task
    demonstrations: Demonstrations
    options: IrlOptions
    notes: tuple[str, ...]
    expert: AskedExpert | None = None


def run(options: IrlOptions) -> int:
    """Check, then learn; returns the exit code."""
    if options.sweep:
        from triality.cli.irl_points import check_points

        sweep = check_points(options)
        from triality.cli.irl_sweep import learn_sweep

        return learn_sweep(sweep)
    plan = check(options)
    with crew_of(options.placed) as crew:
        from triality.cli.learning import learn

        return learn(plan, crew)


def check(options: IrlOptions) -> Plan:
    """The plan of a run.

    Raises:
        ConfigError: an option, or a combination of them, is wrong. All problems are listed together.
        ConfigError, StorageError: the expert cannot be read or does not fit.
        DataError: the demonstrations cannot be read or do not fit.
    """
    choice = check_options(options)
    if not options.placed.distributed:  # else the first process alone has the folder, and nobody knows yet which that is
        RunFolder.check(options.out, options.overwrite, options.kept.resume)
    expert = None if options.expert is None else find_expert(options.expert, choice.task, options.actions)
    demonstrations = read_demonstrations_from(options.demos)
    num_demos = min(USUAL_DEMOS, demonstrations.num_trajectories) if options.num_demos == LEFT else options.num_demos
    checked = check_against(demonstrations, choice.task.bare, options.actions, num_demos, options.clip_margin, options.demos)
    if options.algorithm not in COSTLESS and choice.options.level == "trajectory" and not choice.task.is_absorbing:
        remedy = f"compare single steps: {'--algorithm gan-gcl ' if options.algorithm == 'guided-cost' else ''}--level step"
        check_one_length(checked.demonstrations.lengths, choice.task.bare.time_limit, options.demos, remedy)
    notes = checked.notes if expert is None else (*checked.notes, *expert_notes(expert, choice.task))
    return Plan(choice.task, checked.demonstrations, replace(choice.options, num_demos=num_demos), notes, expert)


def check_options(options: IrlOptions) -> Choice:
    """The part of ``check`` that reads no file: how many demonstrations there are to use, if that is left, is not decided here."""
    task = task_of(options)
    special = {"bc": _cloning_problems, "dagger": _dagger_problems, **dict.fromkeys(BASELINES, baseline_problems)}
    of_algorithm = special.get(options.algorithm)
    combined = _combination_problems(options, task) if of_algorithm is None else of_algorithm(options)
    hosting = ranges.hosting(options, task.on_host) + actor_problems(options, task) + device_problems(options, task)
    refuse(_range_problems(options) + cost_sees_problems(options, task) + hosting + block_problems(options, task) + combined)
    resolved = resolve(options, task)
    refuse(share_problems(resolved))
    return Choice(task, resolved)


def task_of(options: IrlOptions) -> Task:
    """The environment of a run. To DAgger an episode that ends is over: nobody has to be asked in an absorbing state.

    Raises:
        ConfigError: no such environment.
    """
    hosting = Hosting(options.workers, options.max_restarts, options.patience, options.actors, options.ray_address)
    task = find_task(options.env, options.host)._replace(hosting=hosting)
    return task._replace(spec=task.bare) if options.algorithm == "dagger" else task


def _range_problems(options: IrlOptions) -> list[str]:
    return [
        *ranges.counts(options, *(() if options.num_demos == LEFT else ("num_demos",)), "seeds", "past_samplers"),
        *(line for name, least in _least_counts(options).items() for line in ranges.counts(options, name, least=least)),
        *ranges.counts(options, "seeds_at_once", least=0),
        *([] if options.algorithm in CLONING else policy_update_problems(_as_updated(options))),
        *ranges.seeds(options, options.seeds),
        *options.kept.problems(options.overwrite),
        *options.placed.problems(),
        *track_problems(options.track),
        *ranges.rates(options, "cost_learning_rate", "policy_learning_rate"),
        *ranges.weights(options, *(("gradient_penalty",) if options.gradient_penalty is not None else ())),
        *_margin_problems(options),
        *_discount_problems(options),
        *(
            []
            if options.max_kl is None or options.max_kl > 0
            else [f"expected --max-kl above 0, got {options.max_kl}; 0.02 is a good start"]
        ),
        *([] if options.temperature is None or _may_be_zero(options) else ranges.temperatures(options)),
    ]


def _as_updated(options: IrlOptions) -> IrlOptions:
    """SQIL and IQ-Learn have the update of soft actor-critic, whatever is said."""
    return replace(options, policy_update="sac") if options.algorithm in SOFT_Q else options


def _least_counts(options: IrlOptions) -> dict[str, int]:
    """Of counts that are given. DAgger compares no roll-outs with each other: one is enough."""
    least = {**COUNTS, "num_rollouts": 1} if options.algorithm == "dagger" else COUNTS
    return {name: count for name, count in least.items() if getattr(options, name) != LEFT}


def _margin_problems(options: IrlOptions) -> list[str]:
    if 0 <= options.clip_margin < 1:
        return []
    return [f"expected --clip-margin from 0 to below 1, got {options.clip_margin}; 0.02 is a good start"]


def _discount_problems(options: IrlOptions) -> list[str]:
    if 0 <= options.shaping_discount <= 1:
        return []
    return [f"expected --shaping-discount from 0 to 1, got {options.shaping_discount}; the policy's own is 0.99"]


def _may_be_zero(options: IrlOptions) -> bool:
    """Rewards without an entropy: the discriminator keeps them bounded or moving, and PPO needs none."""
    return options.temperature == 0 and options.algorithm in REWARDS


def _cloning_problems(options: IrlOptions) -> list[str]:
    given = _changed(options, (*NOT_OF_CLONING, "expert"))
    if not given:
        return []
    return [
        f"expected options of behavioral cloning with --algorithm bc, got {given}: it learns no cost and rolls nothing out; "
        "leave them out, or choose another --algorithm"
    ]


def _dagger_problems(options: IrlOptions) -> list[str]:
    problems, given = [], _changed(options, NOT_OF_DAGGER)
    if options.expert is None:
        problems.append(
            "expected --expert with --algorithm dagger, got none: demonstrations cannot be asked what to do where the policy goes; name a "
            "folder of triality expert --policy-out, triality export or triality irl, or use --algorithm bc"
        )
    if given:
        problems.append(
            f"expected options of DAgger with --algorithm dagger, got {given}: it learns no cost; leave them out, or choose another "
            "--algorithm"
        )
    return problems


def _changed(options: IrlOptions, names: Sequence[str]) -> str:
    """Those options that were given another value than their own, with it."""
    changed = [name for name in names if getattr(options, name) != getattr(IrlOptions, name)]
    return ", ".join(f"{ranges.flag(name)} {getattr(options, name)}" for name in changed)


def _combination_problems(options: IrlOptions, task: Task) -> list[str]:
    problems = []
    if options.expert is not None:
        problems.append(f"expected --algorithm dagger with --expert, got {options.algorithm}, which asks nobody; leave it out")
    if task.on_host and options.starts == "matched":
        problems.append(
            f"expected --starts free with {task.bare.name} on the host, got matched: its simulators begin where they begin; leave it out"
        )
    if options.cost == "tilted" and options.init_policy != "cloned":
        problems.append("expected --init-policy cloned with --cost tilted, got random: the cost is relative to the cloned policy; add it")
    if options.cost == "tilted" and options.scaling == "running":
        problems.append("expected --scaling fitted with --cost tilted, got running: it would move the policy that the cost is relative to")
    if options.cost == "tilted" and options.algorithm in REWARDS:
        problems.append(
            f"expected --cost mlp or state with --algorithm {options.algorithm}, got tilted; use gan-gcl or guided-cost with it"
        )
    allowed = ("auto", *OBJECTIVES[options.algorithm])
    if options.objective not in allowed:
        problems.append(
            f"expected --objective {', '.join(allowed[:-1])} or {allowed[-1]} with --algorithm {options.algorithm}, "
            f"got {options.objective}; choose one"
        )
    if options.level == "step" and options.algorithm == "guided-cost":
        problems.append(
            "expected --level trajectory with --algorithm guided-cost, got step: there is no Z of a single step to estimate; "
            "use --algorithm gan-gcl per step, or --level trajectory"
        )
    return problems + (_adversarial_problems if options.algorithm in REWARDS else _density_problems)(options)


def _adversarial_problems(options: IrlOptions) -> list[str]:
    """Of the algorithms of single steps whose reward has a name."""
    problems, name = [], options.algorithm
    if options.level == "trajectory":
        problems.append(f"expected --level step with --algorithm {name}, got trajectory; use --algorithm gan-gcl for whole trajectories")
    if options.reward not in ("auto", *REWARDS[name]):
        problems.append(f"expected --reward {', '.join(REWARDS[name])} with --algorithm {name}, got {options.reward}; choose one")
    if name == "gail" and options.shaping_discount != IrlOptions.shaping_discount:
        problems.append(
            f"expected no --shaping-discount with --algorithm gail, got {options.shaping_discount}: it shapes nothing; leave it out"
        )
    if name == "airl" and options.cost == "constant":
        problems.append(
            "expected --cost mlp or state with --algorithm airl, got constant: its shaping is learned all the same, so it is no control; "
            "use --algorithm gan-gcl --level step for one"
        )
    implied = implied_temperature(REWARDS[name][0] if options.reward == "auto" else options.reward)
    if name == "airl" and options.temperature not in (None, implied):
        problems.append(
            f"expected no --temperature with --algorithm airl, got {options.temperature}: its reward says whether the entropy counts, "
            "once or not at all; choose a --reward instead"
        )
    return problems


def _density_problems(options: IrlOptions) -> list[str]:
    given = _changed(options, ("reward", "shaping_discount"))
    return [f"expected --algorithm airl or gail with {given}, got {options.algorithm}; leave it out"] if given else []

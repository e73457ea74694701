"""``triality irl``: everything that can be refused is refused here, before jax is imported and before a folder is made."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from triality.cli import ranges
from triality.cli.names import LEVELS, OBJECTIVES, REWARDS, STARTS, TEMPERATURES, Task, find_task
from triality.cli.options import LEFT, IrlOptions
from triality.cli.policy_update import OF_PPO, policy_update_problems, usual_updates
from triality.cli.ranges import refuse
from triality.data.checks import check_against
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.one_length import check_one_length
from triality.runs.folder import RunFolder

POLICY_RATE, CLONING_RATE = 3e-4, 1e-3
"""What no ``--policy-learning-rate`` stands for: of the policy update, and of cloning."""
NOT_OF_CLONING = (
    *("cost", "objective", "starts", "init_policy", "temperature", "gradient_penalty", "past_samplers"),
    *("cost_learning_rate", "num_rollouts", "policy_epochs", "policy_minibatches", "num_pairs", "reward", "shaping_discount"),
    *("policy_update", "sac_updates"),
)
"""Options that cloning does not use. It is of single steps whatever the level, so that one is no contradiction."""


ALL_PAIRS = 0


class Usual(NamedTuple):
    """What the command decides where an option is left to it; chosen on Pendulum in the compiled run, on HalfCheetah on the host."""

    iterations: int
    num_rollouts: int
    policy_epochs: int
    policy_minibatches: int
    num_pairs: int
    gradient_penalty: float


USUAL = Usual(100, 96, 4, 8, ALL_PAIRS, 0.003)
USUAL_ON_HOST = Usual(200, 16, 8, 32, 4096, 0.1)
ROLLOUTS_OF_SAC = 16
COUNTS = {"iterations": 1, "num_rollouts": 4, "num_pairs": ALL_PAIRS}
"""Options that may be left to the command, and the least that may be given; beside them those of the policy's update."""


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
    """

    task: Task
    demonstrations: Demonstrations
    options: IrlOptions
    notes: tuple[str, ...]


def run(options: IrlOptions) -> int:
    """Check, then learn; returns the exit code."""
    plan = check(options)
    from triality.cli.learning import learn

    return learn(plan)


def check(options: IrlOptions) -> Plan:
    """The plan of a run.

    Raises:
        ConfigError: an option, or a combination of them, is wrong. All problems are listed together.
        DataError: the demonstrations cannot be read or do not fit.
    """
    choice = check_options(options)
    RunFolder.check(options.out, options.overwrite)
    checked = check_against(
        read_demonstrations_from(options.demos), choice.task.bare, options.actions, options.num_demos, options.clip_margin
    )
    if options.algorithm != "bc" and choice.options.level == "trajectory" and not choice.task.is_absorbing:
        check_one_length(checked.demonstrations.lengths, choice.task.bare.time_limit)
    return Plan(choice.task, checked.demonstrations, choice.options, checked.notes)


def check_options(options: IrlOptions) -> Choice:
    """The part of ``check`` that reads no file."""
    task = find_task(options.env, options.host)
    refuse(_range_problems(options) + (_cloning_problems(options) if options.algorithm == "bc" else _combination_problems(options, task)))
    return Choice(task, resolve(options, task))


def resolve(options: IrlOptions, task: Task) -> IrlOptions:
    """What is left to the command, decided: a run stores what it did, whatever is decided in later versions.

    Cloning has neither an objective nor roll-outs that begin anywhere: there ``auto`` stays.
    """
    if options.algorithm == "bc":
        rate = options.policy_learning_rate or CLONING_RATE
        return replace(
            options, policy_learning_rate=rate, iterations=USUAL.iterations if options.iterations == LEFT else options.iterations
        )
    objective = OBJECTIVES[options.algorithm][0] if options.objective == "auto" else options.objective
    level = _level(options)
    usual = "free" if task.on_host else STARTS[level]
    starts = usual if options.starts == "auto" else options.starts
    sizes = _usual(options, level, task)
    counts = {name: getattr(sizes, name) for name in COUNTS if getattr(options, name) == LEFT}
    reward = REWARDS.get(options.algorithm, ("auto",))[0] if options.reward == "auto" else options.reward
    return replace(
        options,
        level=level,
        objective=objective,
        reward=reward,
        temperature=_temperature(reward) if options.temperature is None else options.temperature,
        starts=starts,
        policy_learning_rate=options.policy_learning_rate or POLICY_RATE,
        gradient_penalty=sizes.gradient_penalty if options.gradient_penalty is None else options.gradient_penalty,
        **counts,
        **_counts_of_update(options, counts.get("num_rollouts", options.num_rollouts), sizes, task),
    )


def _usual(options: IrlOptions, level: str, task: Task) -> Usual:
    """What is learned from all roll-outs needs fewer new ones; whole trajectories need theirs for the cost."""
    sizes = USUAL_ON_HOST if task.on_host else USUAL
    return sizes._replace(num_rollouts=ROLLOUTS_OF_SAC) if options.policy_update == "sac" and level == "step" else sizes


def _counts_of_update(options: IrlOptions, num_rollouts: int, sizes: Usual, task: Task) -> dict[str, int]:
    """Of the update that the options choose alone; those of the other stay as they are left."""
    usual = {name: getattr(sizes, name) for name in OF_PPO}
    if options.policy_update == "sac":
        usual = {"sac_updates": usual_updates(num_rollouts, task)}
    return {name: value for name, value in usual.items() if getattr(options, name) == LEFT}


def _level(options: IrlOptions) -> str:
    return LEVELS.get(options.algorithm, "trajectory") if options.level == "auto" else options.level


def _temperature(reward: str) -> float:
    return TEMPERATURES.get(reward, 1.0)


def _range_problems(options: IrlOptions) -> list[str]:
    return [
        *ranges.counts(options, "num_demos", "seeds", "past_samplers"),
        *(line for name, least in COUNTS.items() if getattr(options, name) != LEFT for line in ranges.counts(options, name, least=least)),
        *([] if options.algorithm == "bc" else policy_update_problems(options)),
        *ranges.seeds(options, options.seeds),
        *ranges.rates(options, "cost_learning_rate", "policy_learning_rate"),
        *ranges.weights(options, *(("gradient_penalty",) if options.gradient_penalty is not None else ())),
        *_margin_problems(options),
        *_discount_problems(options),
        *([] if options.temperature is None or _may_be_zero(options) else ranges.temperatures(options)),
    ]


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
    changed = [name for name in NOT_OF_CLONING if getattr(options, name) != getattr(IrlOptions, name)]
    if not changed:
        return []
    given = ", ".join(f"{ranges.flag(name)} {getattr(options, name)}" for name in changed)
    return [
        f"expected options of behavioral cloning with --algorithm bc, got {given}: it learns no cost and rolls nothing out; "
        "leave them out, or choose another --algorithm"
    ]


def _combination_problems(options: IrlOptions, task: Task) -> list[str]:
    problems = []
    if task.on_host and options.starts == "matched":
        problems.append(
            f"expected --starts free with {task.bare.name} on the host, got matched: its simulators begin where they begin; leave it out"
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
    implied = _temperature(REWARDS[name][0] if options.reward == "auto" else options.reward)
    if name == "airl" and options.temperature not in (None, implied):
        problems.append(
            f"expected no --temperature with --algorithm airl, got {options.temperature}: its reward says whether the entropy counts, "
            "once or not at all; choose a --reward instead"
        )
    return problems


def _density_problems(options: IrlOptions) -> list[str]:
    changed = [name for name in ("reward", "shaping_discount") if getattr(options, name) != getattr(IrlOptions, name)]
    given = ", ".join(f"{ranges.flag(name)} {getattr(options, name)}" for name in changed)
    return [f"expected --algorithm airl or gail with {given}, got {options.algorithm}; leave it out"] if changed else []

"""SQIL, IQ-Learn and f-IRL in ``triality irl``: which options are theirs, what is left to the command, and the algorithms themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from triality.cli import ranges
from triality.cli.cost_class import make_cost_of
from triality.cli.names import OBJECTIVES, SOFT_Q, Task, make_environment, usual_simulators
from triality.cli.options import LEFT, IrlOptions
from triality.cli.policy_update import OF_PPO, make_update_rule, usual_updates

if TYPE_CHECKING:
    from triality.algorithms.f_irl import FIrl
    from triality.algorithms.first_policy import MakePolicy
    from triality.algorithms.soft_q_imitation import SoftQImitation
    from triality.objectives.iq_learn import ValueTerm
    from triality.objectives.state_marginal import MarginalDivergence

SOFT_Q_TEMPERATURES = {"sqil": 0.1, "iq-learn": 0.1}
ITERATIONS, ROLLOUTS = 100, 16
ITERATIONS_ON_HOST = 200
NOT_OF_F_IRL = ("starts", "past_samplers", "gradient_penalty", "scaling", "num_pairs", "reward", "shaping_discount")
"""Options that f-IRL does not use: it compares pooled states, and its cost is moved by the gradient of a divergence alone."""
NOT_OF_SOFT_Q = (*NOT_OF_F_IRL, "cost", "cost_sees", "cost_learning_rate", *OF_PPO, "max_kl")
"""Options that SQIL and IQ-Learn do not use: they learn no cost, and their policy follows Q."""


def baseline_problems(options: IrlOptions) -> list[str]:
    """Of options that do not go with these algorithms."""
    name = options.algorithm
    unused = NOT_OF_SOFT_Q if name in SOFT_Q else NOT_OF_F_IRL
    given = [f"{ranges.flag(each)} {getattr(options, each)}" for each in unused if getattr(options, each) != getattr(IrlOptions, each)]
    problems = [f"expected options of --algorithm {name}, got {', '.join(given)}; leave them out"] if given else []
    if options.expert is not None:
        problems.append(f"expected --algorithm dagger with --expert, got {name}, which asks nobody; leave it out")
    if options.level == "trajectory":
        problems.append(f"expected --level step with --algorithm {name}, got trajectory; leave it out")
    allowed = ("auto", *OBJECTIVES[name])
    if options.objective not in allowed:
        problems.append(f"expected --objective {' or '.join(allowed)} with --algorithm {name}, got {options.objective}; choose one")
    if name == "f-irl" and options.cost not in ("mlp", "state"):
        problems.append(
            f"expected --cost state with --algorithm f-irl, got {options.cost}: its gradient is that of a state's cost; leave it out"
        )
    return problems


def resolve_soft_q(options: IrlOptions, task: Task, policy_rate: float) -> IrlOptions:
    """What is left to the command, decided, for SQIL and IQ-Learn."""
    usual = {
        "iterations": ITERATIONS_ON_HOST if task.on_host else ITERATIONS,
        "num_rollouts": usual_simulators(task) if task.on_host else ROLLOUTS,
    }
    counts = {name: value for name, value in usual.items() if getattr(options, name) == LEFT}
    num_rollouts = counts.get("num_rollouts", options.num_rollouts)
    return replace(
        options,
        level="step",
        objective=OBJECTIVES[options.algorithm][0] if options.objective == "auto" else options.objective,
        starts="free",
        policy_update="sac",
        temperature=SOFT_Q_TEMPERATURES[options.algorithm] if options.temperature is None else options.temperature,
        policy_learning_rate=options.policy_learning_rate or policy_rate,
        sac_updates=usual_updates(num_rollouts, task) if options.sac_updates == LEFT else options.sac_updates,
        **counts,
    )


def make_soft_q(options: IrlOptions, task: Task, make_policy: MakePolicy) -> SoftQImitation:
    """SQIL or IQ-Learn, of resolved options."""
    from triality.algorithms.iq_learn import IqLearn
    from triality.algorithms.sqil import Sqil
    from triality.objectives.held_ahead import HeldAhead
    from triality.objectives.iq_learn import IqLearnLoss, StartValue, ValueFlow
    from triality.updates.soft_actor_critic import SoftActorCritic

    actor = SoftActorCritic(
        task.spec, learning_rate=options.policy_learning_rate, temperature=options.temperature, num_updates=options.sac_updates
    )
    environment, horizon = make_environment(task), task.bare.time_limit
    if options.algorithm == "sqil":
        return Sqil(environment, horizon, actor=actor, num_rollouts=options.num_rollouts, make_policy=make_policy)
    terms: dict[str, ValueTerm] = {"value": ValueFlow(), "v0": StartValue()}
    loss = HeldAhead(IqLearnLoss(actor.gamma, value_term=terms[options.objective]))
    return IqLearn(environment, horizon, loss=loss, actor=actor, num_rollouts=options.num_rollouts, make_policy=make_policy)


def make_f_irl(options: IrlOptions, task: Task, make_policy: MakePolicy) -> FIrl:
    """f-IRL, of resolved options."""
    from triality.algorithms.f_irl import FIrl
    from triality.objectives.state_marginal import ForwardKL, JensenShannon, ReverseKL

    table: dict[str, MarginalDivergence] = {"js": JensenShannon(), "forward-kl": ForwardKL(), "reverse-kl": ReverseKL()}
    return FIrl(
        make_environment(task),
        task.bare.time_limit,
        table[options.objective],
        make_update_rule(options, task),
        options.cost_learning_rate,
        num_rollouts=options.num_rollouts,
        make_cost=make_cost_of(options, task),
        make_ratio=make_cost_of(options, task),
        make_policy=make_policy,
    )

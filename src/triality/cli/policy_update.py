"""How the policy of ``triality irl`` improves: which options belong to which update, what is left to the command, and the rule itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triality.cli import ranges
from triality.cli.names import Task
from triality.cli.options import LEFT, IrlOptions

if TYPE_CHECKING:
    from triality.updates.update_rule import UpdateRule

OF_PPO, OF_SAC = ("policy_epochs", "policy_minibatches"), ("sac_updates",)
STEPS_OF_ONE_UPDATE, MOST_UPDATES = 32, 500
"""Environment steps for which soft actor-critic takes one gradient step, and how many it takes at most in an iteration."""


def policy_update_problems(options: IrlOptions) -> list[str]:
    """Of options that the chosen update does not have, and of counts out of range."""
    others, remedy = (OF_PPO, "set --sac-updates") if options.policy_update == "sac" else (OF_SAC, "set --policy-update sac")
    given = [f"{ranges.flag(name)} {getattr(options, name)}" for name in others if getattr(options, name) != LEFT]
    them = "it" if len(given) == 1 else "them"
    wrong = f"expected options of --policy-update {options.policy_update}, got {', '.join(given)}; leave {them} out, or {remedy}"
    problems = [wrong] if given else []
    if options.policy_update == "sac" and options.max_kl is not None:
        problems.append(f"expected no --max-kl with --policy-update sac, got {options.max_kl}: it holds back ppo; leave it out")
    counted = [name for name in (*OF_PPO, *OF_SAC) if getattr(options, name) != LEFT]
    return [*problems, *ranges.counts(options, *counted)]


def usual_updates(num_rollouts: int, task: Task) -> int:
    """Gradient steps of an iteration of soft actor-critic where nothing else is said."""
    return min(max(num_rollouts * task.bare.time_limit // STEPS_OF_ONE_UPDATE, 1), MOST_UPDATES)


def make_update_rule(options: IrlOptions, task: Task) -> UpdateRule:
    """The rule that resolved options name."""
    from triality.updates.ppo import PPO
    from triality.updates.soft_actor_critic import SoftActorCritic

    rate, temperature = options.policy_learning_rate, options.temperature
    if options.policy_update == "sac":
        return SoftActorCritic(task.spec, learning_rate=rate, temperature=temperature, num_updates=options.sac_updates)
    epochs, minibatches = options.policy_epochs, options.policy_minibatches
    max_kl = float("inf") if options.max_kl is None else options.max_kl
    return PPO(learning_rate=rate, temperature=temperature, max_kl=max_kl, num_epochs=epochs, num_minibatches=minibatches)

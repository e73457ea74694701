"""What the report may say of a run, by its algorithm: the one place where the report asks what kind of run it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from triality.runs.report.alarms import OF_ROLLOUTS, OF_SAMPLES, Alarms


class LogZWords(NamedTuple):
    """What log Z is the integral of, and with what its error bars reckon."""

    what: str
    errors: str


class Method(NamedTuple):
    """A kind of run.

    Fields:
        unused: options, and numbers of the summary, that mean nothing for it; they are not shown.
        unmatched: what a run says that was recorded without its controls; empty for the control itself.
        no_alarm: why there may be no verdict on log Z; empty where nobody would ask.
        remarks: by metric, what a bad course of it says, where that depends on the method.
        has_cost: whether there is a learned cost, to train a fresh policy on and to compare with cloning.
        alarms: what the verdicts on log Z mean for it.
        log_z: what log Z is, and how far its error bars can be believed.
    """

    unused: frozenset[str]
    unmatched: str
    no_alarm: str
    remarks: Mapping[str, str]
    has_cost: bool
    alarms: Alarms
    log_z: LogZWords


OF_PPO, OF_SAC = ("policy_epochs", "policy_minibatches"), ("sac_updates",)
"""Options of one update of the policy, which mean nothing for the other."""

COST_LEARNING = Method(
    unused=frozenset(("reward", "shaping_discount", "expert")),
    unmatched="Compare with cloning from the same demonstrations (triality irl ... --algorithm bc; the whole command stands below): what "
    "cloning reaches too, this method has not shown.",
    no_alarm="At state-action level there is no partition function to estimate, since a policy's probabilities are normalized already. "
    "So there is nothing to compare.",
    remarks={"entropy": "A steady dive says that the scale of the cost runs away."},
    has_cost=True,
    alarms=OF_ROLLOUTS,
    log_z=LogZWords(
        "log Z = log ∫ exp(\N{MINUS SIGN}cost) over trajectories, relative to the dynamics, by estimators that fail in different ways.",
        "with the cost taken as fixed; the cost was fitted on the same demonstrations, so the true errors are larger. ",
    ),
)

AIRL = COST_LEARNING._replace(unused=frozenset(("expert",)))

GAIL = COST_LEARNING._replace(
    unused=frozenset(("shaping_discount", "expert")),
    no_alarm="GAIL's discriminator is free: no density is learned, so there is no partition function, and nothing to compare. What is "
    "shown as its cost is minus the logit, which says who acts at present and is no cost of the task.",
)

CONSTANT_COST = COST_LEARNING._replace(
    unmatched="Its cost is constant: this run is itself a control, and what it reaches is no merit of a learned cost.", has_cost=False
)

CLONING = COST_LEARNING._replace(
    unused=frozenset(
        (
            *("level", "objective", "starts", "past_samplers", "num_rollouts", "init_policy", "cost", "cost_sees", "cost_learning_rate"),
            *("gradient_penalty", "temperature", "env_steps", "env_steps_per_second"),
            *("policy_update", *OF_PPO, *OF_SAC, "max_kl", "num_pairs", "reward", "shaping_discount", "scaling", "expert"),
        )
    ),
    unmatched="",
    no_alarm="",
    remarks={
        "entropy": "A steady dive says that the policy sharpens onto the demonstrated actions: the likelihood rises, the return need not."
    },
    has_cost=False,
)

DAGGER = CLONING._replace(
    unused=CLONING.unused - {"expert", "num_rollouts", "env_steps", "env_steps_per_second"},
    unmatched="It asked an expert wherever it went: compare with cloning from the demonstrations alone (triality irl ... --algorithm bc), "
    "since what that reaches too, asking has not shown.",
    remarks={"entropy": "A steady dive says that the policy sharpens onto the expert's answers."},
)

SOFT_Q = CLONING._replace(
    unused=CLONING.unused - {"objective", "num_rollouts", "init_policy", "temperature", "sac_updates", "env_steps", "env_steps_per_second"},
    unmatched=COST_LEARNING.unmatched,
    remarks={"entropy": "A steady dive says that Q grows beyond what the temperature can weigh."},
)

F_IRL = COST_LEARNING._replace(
    unused=frozenset(("reward", "shaping_discount", "expert", "past_samplers", "num_pairs", "gradient_penalty", "scaling")),
    no_alarm="f-IRL matches the law of states, for which no partition function is needed. So there is nothing to compare.",
)

DENSITY = Method(
    unused=frozenset(("env_steps", "env_steps_per_second")),
    unmatched="",
    no_alarm="",
    remarks={},
    has_cost=False,
    alarms=OF_SAMPLES,
    log_z=LogZWords(
        "log Z = log ∫ exp(\N{MINUS SIGN}E), by estimators that fail in different ways.",
        "with the energy taken as fixed; the test data have trained nothing. ",
    ),
)


def method_of(command: str, config: Mapping[str, Any]) -> Method:
    """The kind of run that a command and its configuration make; one that learns a cost where nothing else is said.

    Example:
        >>> method_of("irl", {"algorithm": "bc"}).has_cost, method_of("irl", {"algorithm": "gan-gcl"}).has_cost
        (False, True)
    """
    if command in ("ebm", "seq"):
        return DENSITY
    if config.get("algorithm") in ("bc", "dagger"):
        return CLONING if config["algorithm"] == "bc" else DAGGER
    if config.get("algorithm") in ("sqil", "iq-learn"):
        return SOFT_Q
    learning = {"airl": AIRL, "gail": GAIL, "f-irl": F_IRL}.get(str(config.get("algorithm")), COST_LEARNING)
    method = CONSTANT_COST if config.get("cost") == "constant" else learning
    # A run of before there was a choice is one of PPO.
    others = OF_PPO if config.get("policy_update") == "sac" else OF_SAC
    return method._replace(unused=method.unused | frozenset(others))

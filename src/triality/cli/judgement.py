"""What is said of a learned cost: every number of ``judgement.json``, by samples, and exactly where the environment is a table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from triality.cli.judge_options import JudgeOptions
from triality.cli.judged_steps import Covered
from triality.envs.gridworld import TabularEnvironment
from triality.errors import DataError
from triality.judging.epic import Coverage, epic_distance
from triality.judging.pearson import correlation, ranks
from triality.judging.regret import optimal_policy, regret, regret_of
from triality.judging.sampled import Canonicalized, canonicalized, sampled_epic, sampled_fit
from triality.judging.starc import MinimalNorm, ValueAdjusted, starc_distance
from triality.judging.steps import BatchCost, PotentialClass, Steps
from triality.judging.tables import next_state_matrix
from triality.judging.up_to_shaping import table_fit
from triality.tabular.mdp import TabularMDP

MOST_STEPS, MOST_STEPS_OF_EPIC = 20_000, 1_500
"""Steps that the regression takes, and those at which EPIC asks for as many costs again as it has pairs."""


class Reference(NamedTuple):
    """What a learned cost is held against.

    Fields:
        along: the reference cost of the steps of a judgement.
        anywhere: of any pair; None where it can only be had along roll-outs.
    """

    along: Float[np.ndarray, " n"]
    anywhere: BatchCost | None


class Judgement(NamedTuple):
    """Of one seed.

    Fields:
        numbers: what goes into the record.
        reference: what shaping leaves of the reference cost at each step, for the scatter.
        learned: the same of the learned cost.
    """

    numbers: dict[str, Any]
    reference: Float[np.ndarray, " n"]
    learned: Float[np.ndarray, " n"]


def judge_by_samples(learned: BatchCost, reference: Reference, covered: Covered, options: JudgeOptions) -> Judgement:
    """EPIC, the STARC distance of least squares, R^2 and plain correlations, with intervals over episodes.

    Raises:
        DataError: either cost is constant up to shaping, as that of a goal that nobody reached, or there are too few steps for the class of
            potentials.
    """
    steps, along = _thinned(covered.steps, reference, MOST_STEPS, options.seed)
    if np.ptp(along) <= 1e-12 * max(1.0, float(np.max(np.abs(along)))):
        raise DataError(f"expected roll-outs over which the reference cost varies, got {along[0]:g} at every step; add --episodes")
    mine = learned(steps.observation, steps.action, steps.after)
    potentials = PotentialClass.fitted(steps.observation, options.waves, options.seed)
    fit, starc, share = sampled_fit(along, mine, steps, potentials, options.discount, seed=options.seed)
    equal = np.ones(len(mine))
    numbers = {
        "epic": _epic(learned, reference, covered.steps, options),
        "starc": starc._asdict(),
        "r_squared": share._asdict(),
        "r_squared_of_shaping_alone": fit.shaping_alone,
        "scale": fit.scale,
        "correlation_up_to_shaping": fit.partial,
        "pearson": correlation(along, mine, equal),
        "spearman": correlation(ranks(along), ranks(mine), equal),
    }
    return Judgement(numbers, fit.left_true, fit.left_learned)


def judge_exactly(
    learned: BatchCost, reference: BatchCost, env: TabularEnvironment, weights: Float[np.ndarray, "states actions"], options: JudgeOptions
) -> dict[str, Any]:
    """The same of a finite MDP, without sampling: pairs by their weights, next states by the dynamics, potentials any function at all.

    Regret is over the environment's time limit; ``regret_soft`` that of pi = exp(Q - V), the policy that the learned cost is a model of.

    Raises:
        DataError: either cost is constant up to shaping.
    """
    law, start = (np.exp(np.asarray(each, np.float64)) for each in (env.log_probabilities, env.log_start))
    mdp = TabularMDP.from_sparse(env.successors, law, start, discount=options.discount)
    limited = TabularMDP.from_sparse(env.successors, law, start, horizon=env.spec.time_limit)
    true, mine = (_table(each, mdp) for each in (reference, learned))
    fit = table_fit(mdp, true, mine, weights)
    value, least = (starc_distance(mdp, true, mine, each, weights=weights) for each in (ValueAdjusted(), MinimalNorm(weights)))
    return {
        "epic": epic_distance(true, mine, Coverage.along(weights, next_state_matrix(mdp)), options.discount),
        "starc_value_adjusted": value,
        "starc_minimal_norm": least,
        "r_squared": fit.r_squared,
        "r_squared_of_shaping_alone": fit.shaping_alone,
        "scale": fit.scale,
        "regret": regret(limited, true, mine),
        "regret_soft": regret_of(limited, true, optimal_policy(limited, mine, temperature=1.0)),
    }


def visited(steps: Steps, env: TabularEnvironment) -> Float[np.ndarray, "states actions"]:
    """Share of the steps that each pair of state and action has."""
    counts = np.zeros((env.spec.observation_size, env.spec.num_actions))
    np.add.at(counts, (np.argmax(steps.observation, axis=1), steps.action), 1.0)
    return counts / counts.sum()


def _epic(learned: BatchCost, reference: Reference, steps: Steps, options: JudgeOptions) -> dict[str, float] | None:
    if reference.anywhere is None:
        return None
    few, along = _thinned(steps, reference, MOST_STEPS_OF_EPIC, options.seed)
    theirs: Canonicalized = canonicalized(reference.anywhere, few, options.pairs, options.seed)._replace(along=along)
    mine = canonicalized(learned, few, options.pairs, options.seed)
    return sampled_epic(theirs, mine, few, options.discount, seed=options.seed)._asdict()


def _thinned(steps: Steps, reference: Reference, num: int, seed: int) -> tuple[Steps, np.ndarray]:
    few = steps._replace(cost=reference.along).thinned(num, seed)
    return few, few.cost


def _table(cost: BatchCost, mdp: TabularMDP) -> Float[np.ndarray, "states actions"]:
    state, action = (each.ravel() for each in np.indices((mdp.num_states, mdp.num_actions)))
    seen = np.eye(mdp.num_states)[state]
    return cost(seen, action, seen).reshape(mdp.num_states, mdp.num_actions)

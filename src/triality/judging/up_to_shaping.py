"""Regression of the true cost on the learned one, where shaping, a scale and a constant are free.

    true(x, u, x') ~ a learned(x, u, x') + h(x) - gamma h(x') + b            h in a class that is linear in its weights

R^2 is the share of the true cost's variance that this explains. Two numbers belong beside it. ``scale``: R^2 is as high for the negative
of the true cost, with a < 0. ``shaping_alone``: a class of potentials that is rich for the steps at hand explains much of the true cost
without any learned one. ``partial`` = the correlation of what shaping leaves of either, in [-1, 1], answers for both, and
sqrt((1 - partial) / 2) is the STARC distance of ``MinimalPotential`` on the same steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import DataError
from triality.judging.pearson import correlation, pearson_distance
from triality.judging.starc import pair_weights, without
from triality.judging.tables import branch_probabilities, by_branch, discount_of
from triality.tabular.mdp import TabularMDP


class ShapedFit(NamedTuple):
    """What came of the regression.

    Fields:
        scale: a; below zero the learned cost is turned round.
        r_squared: explained share of the true cost's variance, in [0, 1].
        shaping_alone: the same without the learned cost.
        partial: correlation of what shaping and constant leave of both costs.
        distance: sqrt((1 - partial) / 2).
        left_true: what shaping and constant leave of the true cost at each step.
        left_learned: the same of the learned cost.
    """

    scale: float
    r_squared: float
    shaping_alone: float
    partial: float
    distance: float
    left_true: Float[np.ndarray, " n"]
    left_learned: Float[np.ndarray, " n"]


def fit_up_to_shaping(
    true: Float[np.ndarray, " n"],
    learned: Float[np.ndarray, " same_n"],
    shaping: Float[np.ndarray, "rows k"],
    weights: Float[np.ndarray, " weights_n"] | None = None,
) -> ShapedFit:
    """Weighted least squares.

    Args:
        true: the true cost of each step, minus the reward.
        learned: the learned one.
        shaping: phi(x) - gamma phi(x') of each step, the columns that h is made of.
        weights: how much a step counts; equal by default.

    Raises:
        DataError: lengths that differ, a cost that is constant or shaping alone.

    Example:
        >>> true, h = np.array([0.0, 1.0, 4.0, 9.0]), np.array([[1.0], [0.0], [0.0], [2.0]])
        >>> fit = fit_up_to_shaping(true, 5.0 - 2.0 * true + 3.0 * h[:, 0], h)
        >>> round(fit.scale, 9), round(fit.r_squared, 9), round(fit.partial, 9)
        (-0.5, 1.0, -1.0)
    """
    if not len(true) == len(learned) == len(shaping) or (weights is not None and len(weights) != len(true)):
        raise DataError(f"expected costs and shaping of the same steps, got {len(true)}, {len(learned)} and {len(shaping)}; align them")
    share = np.full(len(true), 1.0 / len(true)) if weights is None else weights / np.sum(weights)
    free = np.column_stack([shaping, np.ones(len(true))])
    left_true, left_learned = _left(free, true, share, "the true cost"), _left(free, learned, share, "the learned cost")
    variance = share @ (true - share @ true) ** 2
    partial = correlation(left_true, left_learned, share)
    # The learned cost enters through what shaping leaves of it (Frisch-Waugh-Lovell), so that one fit serves all five numbers.
    scale = float(share @ (left_true * left_learned) / (share @ left_learned**2))
    unexplained = left_true - scale * left_learned
    return ShapedFit(
        scale=scale,
        r_squared=float(1.0 - share @ unexplained**2 / variance),
        shaping_alone=float(1.0 - share @ left_true**2 / variance),
        partial=partial,
        distance=pearson_distance(left_true, left_learned, share),
        left_true=left_true,
        left_learned=left_learned,
    )


def table_fit(mdp: TabularMDP, true: ArrayLike, learned: ArrayLike, weights: ArrayLike | None = None) -> ShapedFit:
    """The same exactly: every transition of a finite MDP under w(x, u) P(x'|x, u), h any function of the state.

    Args:
        mdp: with a discount.
        true: a cost (S, A) or (S, A, K).
        learned: the other one.
        weights: w(x, u), such as ``occupancy``; uniform by default.

    Raises:
        ConfigError: a finite horizon.
        DataError: as ``fit_up_to_shaping``.
    """
    law = (pair_weights(mdp, weights)[..., None] * branch_probabilities(mdp)).ravel()
    one = np.eye(mdp.num_states)
    shaping = (one[:, None, None, :] - discount_of(mdp) * one[np.asarray(mdp.successors)]).reshape(-1, mdp.num_states)
    counts = law > 0
    values, other = (by_branch(mdp, cost).ravel()[counts] for cost in (true, learned))
    return fit_up_to_shaping(values, other, shaping[counts], law[counts])


def _left(free: np.ndarray, values: np.ndarray, share: np.ndarray, name: str) -> np.ndarray:
    left = without(free, values, share)
    if np.sqrt(share @ left**2) <= 1e-10 * max(float(np.max(np.abs(values))), 1e-300):
        raise DataError(
            f"expected a cost that orders policies, got {name} constant up to shaping on these steps; "
            "take more steps, or a smaller class of potentials"
        )
    return left

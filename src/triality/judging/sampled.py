"""Distances by samples, for tasks that are no table: the same quantities, with intervals that resample whole episodes.

    EPIC:   C(c)_i = c(x_i, u_i, x'_i) + gamma mean_j c(x'_i, U_j, X_j) - mean_j c(x_i, U_j, X_j)      (its constant drops out of rho)
    STARC:  what least squares leaves of c_i after phi(x_i) - gamma phi(x'_i) and a constant

Both are then Pearson's distance over the steps i. The first has to ask either cost at pairs that nobody visited; the second takes values
along the steps alone, so it is the one for a simulator that will not be asked, and is a STARC distance where the potential is in the
class of phi (``MinimalPotential``). Too rich a class for the steps at hand fits chance: the number of features stands beside the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.errors import ConfigError, DataError
from triality.judging.pearson import pearson_distance
from triality.judging.scores import Interval
from triality.judging.steps import BatchCost, PotentialClass, Steps
from triality.judging.up_to_shaping import ShapedFit, fit_up_to_shaping

NUM_DRAWS = 200
"""Bootstrap draws; the two ends of an interval are then good to about a sixth of its width."""


class Canonicalized(NamedTuple):
    """A cost along the steps, and at the coverage's pairs from the states before and after, before these are averaged.

    Fields:
        along: c(x_i, u_i, x'_i).
        before: c(x_i, U_j, X_j).
        after: c(x'_i, U_j, X_j).
    """

    along: Float[np.ndarray, " n"]
    before: Float[np.ndarray, "n m"]
    after: Float[np.ndarray, "n m"]

    def canonical(self, discount: float, share: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
        """C(c)_i up to a constant, each pair j with its share."""
        return self.along + discount * (self.after @ share) - self.before @ share


def canonicalized(cost: BatchCost, steps: Steps, num_pairs: int = 64, seed: int = 0) -> Canonicalized:
    """The cost at the steps and at ``num_pairs`` pairs whose action and next state are drawn from the steps, independently.

    Raises:
        ConfigError: no pairs.
        DataError: a cost that is not finite somewhere.
    """
    if num_pairs < 1:
        raise ConfigError(f"expected at least 1 pair to average over, got {num_pairs}; 64 and more are usual")
    draw, n = np.random.default_rng(seed), len(steps.cost)
    action, state = steps.action[draw.integers(n, size=num_pairs)], steps.observation[draw.integers(n, size=num_pairs)]
    found = Canonicalized(
        cost(steps.observation, steps.action, steps.after),
        *(_everywhere(cost, seen, action, state) for seen in (steps.observation, steps.after)),
    )
    if not all(np.all(np.isfinite(part)) for part in found):
        raise DataError("expected finite costs over the coverage, got NaN or infinity; look at the cost where the policy goes")
    return found


def sampled_epic(
    first: Canonicalized, second: Canonicalized, steps: Steps, discount: float, num_draws: int = NUM_DRAWS, seed: int = 0
) -> Interval:
    """EPIC with its 95 % interval: episodes and coverage pairs are drawn anew together; its ends are NaN where a draw is constant.

    Raises:
        DataError: other steps or pairs on either side, fewer than two episodes, or a cost that is shaping alone.
    """
    if first.before.shape != second.before.shape or len(first.along) != len(steps.cost):
        raise DataError(f"expected both costs at the same pairs, got {first.before.shape} and {second.before.shape}; canonicalize alike")
    draw, num_pairs = np.random.default_rng(seed), first.before.shape[1]

    def distance(counts: np.ndarray, share: np.ndarray) -> float:
        return pearson_distance(first.canonical(discount, share), second.canonical(discount, share), counts)

    even = np.full(num_pairs, 1.0 / num_pairs)
    value = distance(np.ones(len(steps.cost)), even)
    shares = draw.multinomial(num_pairs, even, size=num_draws) / num_pairs
    drawn = [_or_unknown(distance, counts, share) for counts, share in zip(resampled(steps, num_draws, draw), shares, strict=True)]
    return Interval(value, *(float(end) for end in np.percentile(drawn, [2.5, 97.5])))


def sampled_fit(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    steps: Steps,
    potentials: PotentialClass,
    discount: float,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> tuple[ShapedFit, Interval, Interval]:
    """The regression of the first cost on the second, the interval of its STARC distance, and that of its R^2.

    Each draw of the bootstrap solves the normal equations again, from sums kept for each episode. The ends of an interval are NaN where
    the episodes of some draw leave nothing to compare: they are then too few for the class of potentials.

    Raises:
        DataError: fewer than two episodes, no more steps than features, or a cost that is constant up to shaping.
    """
    shaping = potentials.shaping(steps, discount)
    if len(steps.cost) <= 2 * shaping.shape[1]:
        raise DataError(
            f"expected more than {2 * shaping.shape[1]} steps for {shaping.shape[1]} features, got {len(steps.cost)}; add episodes"
        )
    fit = fit_up_to_shaping(first, second, shaping)
    free = np.column_stack([shaping, np.ones(len(first))])
    unit, costs = (
        free / np.maximum(np.sqrt(np.mean(free**2, axis=0)), 1e-300),
        np.column_stack([first - first.mean(), second - second.mean()]),
    )
    columns = np.column_stack([unit, costs / costs.std(axis=0)])
    sums = np.stack([columns[steps.episode == each].T @ columns[steps.episode == each] for each in np.unique(steps.episode)])
    draw = np.random.default_rng(seed)
    draws = draw.multinomial(len(sums), np.full(len(sums), 1.0 / len(sums)), size=num_draws)
    drawn = np.array([_distance_and_share(np.tensordot(counts, sums, 1)) for counts in draws])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return fit, Interval(fit.distance, float(low[0]), float(high[0])), Interval(fit.r_squared, float(low[1]), float(high[1]))


def resampled(steps: Steps, num_draws: int, draw: np.random.Generator) -> Float[np.ndarray, "draws n"]:
    """How often each step counts in each draw: episodes with replacement, with all their steps.

    Raises:
        DataError: fewer than two episodes.
    """
    names, place = np.unique(steps.episode, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"expected at least 2 episodes to resample, got {len(names)}; collect more")
    return draw.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=num_draws)[:, place].astype(float)


def _everywhere(cost: BatchCost, observation: np.ndarray, action: np.ndarray, state: np.ndarray) -> np.ndarray:
    n, m = len(observation), len(action)
    values = cost(np.repeat(observation, m, axis=0), np.tile(action, (n, *(1,) * (action.ndim - 1))), np.tile(state, (n, 1)))
    return values.reshape(n, m)


def _or_unknown(distance: Callable[[np.ndarray, np.ndarray], float], counts: np.ndarray, share: np.ndarray) -> float:
    """NaN where this draw of episodes leaves one side constant: no interval is claimed then."""
    try:
        return distance(counts, share)
    except DataError:
        return np.nan


def _distance_and_share(gram: Float[np.ndarray, "k k"]) -> tuple[float, float]:
    """STARC distance and R^2 from the sums of products of (free columns, true, learned): a Schur complement holds what is left of both."""
    free, both, last = gram[:-2, :-2], gram[:-2, -2:], gram[-2:, -2:]
    left = last - both.T @ np.linalg.pinv(free, rcond=1e-10, hermitian=True) @ both
    if min(left[0, 0] / last[0, 0], left[1, 1] / last[1, 1]) <= 1e-10:
        return np.nan, np.nan  # this draw left nothing to compare; the interval is then not known, and says so
    rho = np.clip(left[0, 1] / np.sqrt(left[0, 0] * left[1, 1]), -1.0, 1.0)
    variance = gram[-2, -2] - gram[-2, -3] ** 2 / gram[-3, -3]
    return float(np.sqrt((1.0 - rho) / 2.0)), float(1.0 - left[0, 0] * (1.0 - rho**2) / variance)

"""STARC, standardized reward comparison, exactly, on tables (Skalse et al. 2024, arXiv:2309.15257, section 2).

    d(c_1, c_2) = norm(s(c_1) - s(c_2)) / 2,   s(c) = C(c) / norm(C(c)), or 0 where C(c) = 0

C is linear and takes away what changes the order of no policies: potential shaping with gamma and, where it says so, redistribution over
x' that keeps E[c(x, u, x')]. Any norm will do, and any two choices bound each other by factors; of a complete one d = 0 holds exactly
where both costs order all policies alike, and d bounds the worst regret from both sides. The half brings d into [0, 1]: 1 = negated.
An all-zero s (a cost that orders nothing) is 1/2 from any other and 0 from its like. Costs and rewards have one distance: C is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import DataError
from triality.judging.tables import (
    ahead,
    branch_probabilities,
    by_branch,
    check_policy,
    cost_to_go,
    discount_of,
    expected_cost,
    shapings,
    uniform_policy,
)
from triality.tabular.mdp import TabularMDP

ROUNDING = 1e-12
"""What is left of a cost, as a share of its largest value, that counts as nothing left."""

Norm = Callable[[np.ndarray, np.ndarray], float]
"""(values, weights that sum to one) to a norm."""


@runtime_checkable
class Canonicalization(Protocol):
    """C: from a cost to the representative of those that order policies alike."""

    def __call__(self, mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]: ...


@dataclass(frozen=True, eq=False)
class ValueAdjusted:
    """VAL: C(c)(x, u) = E[c(x, u, x') - J(x) + gamma J(x')], J the cost to go of one fixed policy.

    Minus the advantage of that policy. Blind to shaping and to redistribution over x': complete.

    Args:
        policy: pi(u|x) as (S, A) probabilities; uniform by default. J is defined in every state, whatever pi visits.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [0]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> ValueAdjusted()(mdp, [[1.0, 3.0], [0.0, 0.0]])[..., 0].round(6).tolist()
        [[-0.5, 0.5], [-0.5, 0.5]]
    """

    policy: ArrayLike | None = None

    def __call__(self, mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]:
        """(S, A, K), the same in every branch."""
        value = cost_to_go(mdp, cost, _policy_of(mdp, self.policy))
        leveled = expected_cost(mdp, cost) - value[:, None] + discount_of(mdp) * ahead(mdp, value)
        return np.broadcast_to(leveled[..., None], mdp.successors.shape)


@dataclass(frozen=True, eq=False)
class ValueAdjustedPotential:
    """VALPotential: c(x, u, x') - J(x) + gamma J(x'), without the expectation: redistribution over x' still counts.

    Args:
        policy: as of ``ValueAdjusted``.
    """

    policy: ArrayLike | None = None

    def __call__(self, mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]:
        """(S, A, K)."""
        value = cost_to_go(mdp, cost, _policy_of(mdp, self.policy))
        return by_branch(mdp, cost) - value[:, None, None] + discount_of(mdp) * value[np.asarray(mdp.successors)]


@dataclass(frozen=True, eq=False)
class MinimalNorm:
    """The smallest cost in L2 of all that differ by shaping and redistribution over x': least squares.

        C(c) = cbar + h* - gamma E[h*(x')],   h* = argmin_h sum_xu w(x, u) (cbar(x, u) + h(x) - gamma E[h(x')])^2,   cbar = E[c(x, u, x')]

    Args:
        weights: w(x, u), positive; uniform by default.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [0]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> bool(np.abs(MinimalNorm()(mdp, np.ones((2, 2)))).max() < 1e-12)  # a constant is a shaping
        True
    """

    weights: ArrayLike | None = None

    def __call__(self, mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]:
        """(S, A, K), the same in every branch."""
        pairs, mean = (mdp.num_states, mdp.num_actions), expected_cost(mdp, cost)
        left = without(shapings(mdp), mean.ravel(), pair_weights(mdp, self.weights).ravel())
        return np.broadcast_to(left.reshape(pairs)[..., None], mdp.successors.shape)


@dataclass(frozen=True, eq=False)
class MinimalPotential:
    """The smallest cost in L2 under w(x, u) P(x'|x, u) of all that differ by shaping alone: redistribution over x' still counts.

    What samples of transitions give (``judging.sampled``), and the only one here that needs no more than transitions that happened.

    Args:
        weights: w(x, u), as of ``MinimalNorm``.
    """

    weights: ArrayLike | None = None

    def __call__(self, mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]:
        """(S, A, K)."""
        one = np.eye(mdp.num_states)
        shaping = one[:, None, None, :] - discount_of(mdp) * one[np.asarray(mdp.successors)]
        weights = pair_weights(mdp, self.weights)[..., None] * branch_probabilities(mdp)
        return without(shaping.reshape(-1, mdp.num_states), by_branch(mdp, cost).ravel(), weights.ravel()).reshape(mdp.successors.shape)


def l1_norm(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """sum w abs(v)."""
    return float(weights @ np.abs(values))


def l2_norm(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """sqrt(sum w v^2)."""
    return float(np.sqrt(weights @ values**2))


def largest_norm(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """max abs(v) where w > 0."""
    return float(np.max(np.abs(values[weights > 0]), initial=0.0))


def starc_distance(
    mdp: TabularMDP,
    first: ArrayLike,
    second: ArrayLike,
    canonicalization: Canonicalization,
    norm: Norm = l2_norm,
    weights: ArrayLike | None = None,
) -> float:
    """STARC in [0, 1]: 0 where both costs order all policies alike, 1 where they order them in reverse.

    Args:
        mdp: with a discount.
        first: a cost (S, A) or (S, A, K).
        second: the other one.
        canonicalization: C.
        norm: of the standardization and of the distance.
        weights: w(x, u) of the norm; uniform by default. A pair of weight zero does not count.

    Raises:
        ConfigError: a finite horizon.
        DataError: shapes that do not fit, or weights that leave nothing.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [0]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> cost = np.array([[1.0, 3.0], [0.0, 0.5]])
        >>> [round(starc_distance(mdp, cost, each, ValueAdjusted()), 6) + 0.0 for each in (3.0 * cost + 7.0, -cost, np.ones((2, 2)))]
        [0.0, 1.0, 0.5]
    """
    law = (pair_weights(mdp, weights)[..., None] * branch_probabilities(mdp)).ravel()
    law = law / law.sum()
    one, two = (_standardized(canonicalization(mdp, cost).ravel(), np.asarray(cost, np.float64), norm, law) for cost in (first, second))
    return 0.5 * norm(one - two, law)


def without(
    directions: Float[np.ndarray, "n k"], values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """What is left of the values after the weighted least-squares fit of the directions; where w = 0, after the same fit."""
    root = np.sqrt(weights)
    amounts = np.linalg.lstsq(root[:, None] * directions, root * values, rcond=None)[0]
    return values - directions @ amounts


def pair_weights(mdp: TabularMDP, weights: ArrayLike | None) -> Float[np.ndarray, "states actions"]:
    """w(x, u), summing to one; uniform where none are given.

    Raises:
        DataError: another shape, a negative weight, or none that is positive.
    """
    values = uniform_policy(mdp) if weights is None else np.asarray(weights, np.float64)
    expected = (mdp.num_states, mdp.num_actions)
    if values.shape != expected or not np.all(np.isfinite(values)) or values.min() < 0 or values.sum() <= 0:
        raise DataError(f"expected weights >= 0 of shape {expected} with a positive sum, got shape {values.shape}; give one a pair")
    return values / values.sum()


def _standardized(values: np.ndarray, cost: np.ndarray, norm: Norm, law: np.ndarray) -> np.ndarray:
    size = norm(values, law)
    return np.zeros_like(values) if size <= ROUNDING * max(float(np.max(np.abs(cost))), 1e-300) else values / size


def _policy_of(mdp: TabularMDP, policy: ArrayLike | None) -> np.ndarray:
    return uniform_policy(mdp) if policy is None else check_policy(mdp, policy)

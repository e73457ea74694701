"""EPIC, the equivalent-policy invariant comparison, exactly, on tables (Gleave et al. 2021, arXiv:2006.13900, section 4).

    C(c)(x, u, x') = c(x, u, x') + E[gamma c(x', U, X') - c(x, U, X') - gamma c(X, U, X')]      X, X' ~ D_X, U ~ D_U, independent
    EPIC(c_1, c_2) = D_rho(C(c_1), C(c_2))   under a coverage D of (x, u, x')

C takes every potential away: with c + h(x) - gamma h(x') it is the same, for any D_X and D_U. So the distance is blind to shaping with
this gamma, to a positive scale and to constants, and to nothing else. It knows no dynamics: it asks for c on transitions that never
happen, and two costs that differ there alone are apart. The sign: C is linear and D_rho is even, so a pair of costs and the pair of
rewards -c have one distance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.judging.pearson import pearson_distance


class Coverage(NamedTuple):
    """What counts, and how much; probabilities.

    Fields:
        state: D_X, of the states that the canonicalization averages over.
        action: D_U, of its actions.
        transition: D, of the transitions that the distance averages over.
    """

    state: Float[np.ndarray, " states"]
    action: Float[np.ndarray, " actions"]
    transition: Float[np.ndarray, "states actions states"]

    @classmethod
    def product(cls, state: ArrayLike, action: ArrayLike) -> Coverage:
        """D = D_X x D_U x D_X: nothing of the dynamics.

        Raises:
            DataError: weights that are negative, not finite or all zero.

        Example:
            >>> Coverage.product([1.0, 3.0], [1.0]).transition.tolist()
            [[[0.0625, 0.1875]], [[0.1875, 0.5625]]]
        """
        x, u = _law(state, "state"), _law(action, "action")
        return cls(x, u, x[:, None, None] * u[None, :, None] * x[None, None, :])

    @classmethod
    def along(cls, pairs: ArrayLike, next_state: Float[np.ndarray, "states actions states"]) -> Coverage:
        """D(x, u, x') = d(x, u) P(x'|x, u) of a policy's visits d, with the marginals of d as D_X and D_U: transitions that happen.

        Args:
            pairs: (S, A) visits, such as ``occupancy``.
            next_state: P(x'|x, u), such as ``next_state_matrix``.

        Raises:
            DataError: as ``product``.
        """
        law = _law(pairs, "pair")
        return cls(law.sum(axis=1), law.sum(axis=0), law[:, :, None] * next_state)


def canonical(
    cost: ArrayLike, state: Float[np.ndarray, " states"], action: Float[np.ndarray, " actions"], discount: float
) -> Float[np.ndarray, "states actions states"]:
    """C(c): the representative of all costs that differ from c by potential shaping.

    Args:
        cost: (S, A), or (S, A, S) with x' itself as the last axis.
        state: D_X.
        action: D_U.
        discount: gamma of the shaping to be taken away.

    Raises:
        ConfigError: gamma outside [0, 1].
        DataError: a cost of another shape than the coverage.

    Example:
        >>> canonical([[1.0], [3.0]], np.array([0.5, 0.5]), np.ones(1), 0.5)[:, 0].tolist()
        [[-0.5, 0.5], [-0.5, 0.5]]
    """
    if not 0.0 <= discount <= 1.0:
        raise ConfigError(f"expected a discount between 0 and 1, got {discount}; give the gamma that both costs are meant for")
    table = _dense(cost, len(state), len(action))
    mean = np.einsum("xuy,u,y->x", table, action, state)
    return table + discount * mean[None, None, :] - mean[:, None, None] - discount * (state @ mean)


def epic_distance(first: ArrayLike, second: ArrayLike, coverage: Coverage, discount: float) -> float:
    """EPIC in [0, 1]: 0 for the same cost up to shaping, positive scale and constant; 1 for its negative.

    Args:
        first: a cost (S, A) or (S, A, S).
        second: the other one, over the same states and actions.
        coverage: D_X, D_U and D.
        discount: gamma.

    Raises:
        ConfigError: as ``canonical``.
        DataError: shapes that do not fit, states and transitions of the coverage without overlap, or a cost that is shaping alone, which
            has no direction to compare.

    Example:
        >>> coverage, cost, h = Coverage.product(np.ones(3), np.ones(2)), np.arange(6.0).reshape(3, 2) ** 2, np.array([3.0, 0.0, -1.0])
        >>> shaped = 2.0 * cost[:, :, None] + h[:, None, None] - 0.9 * h
        >>> epic_distance(cost, shaped, coverage, 0.9) < 1e-12, epic_distance(cost, -shaped, coverage, 0.9).__round__(12)
        (True, 1.0)
    """
    if not np.any(coverage.state * coverage.transition.sum(axis=(1, 2)) > 0):
        raise DataError("expected the coverage's states and its transitions to overlap, got none in common; take both from the same visits")
    one, two = (canonical(cost, coverage.state, coverage.action, discount).ravel() for cost in (first, second))
    counts = coverage.transition.ravel() > 0
    return pearson_distance(one[counts], two[counts], coverage.transition.ravel()[counts])


def _dense(cost: ArrayLike, num_states: int, num_actions: int) -> Float[np.ndarray, "states actions states"]:
    values, pairs = np.asarray(cost, np.float64), (num_states, num_actions)
    if values.shape not in (pairs, (*pairs, num_states)):
        raise DataError(
            f"expected a cost of shape {pairs} or {(*pairs, num_states)}, got {values.shape}; EPIC asks for every next state, "
            "also where the dynamics have none: index the last axis by x' itself"
        )
    return np.broadcast_to(values[..., None] if values.ndim == 2 else values, (*pairs, num_states))


def _law(weights: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(weights, np.float64)
    if not np.all(np.isfinite(values)) or values.min() < 0 or values.sum() <= 0:
        raise DataError(f"expected {name} weights >= 0 with a positive sum, got others; a coverage of nothing compares nothing")
    return values / values.sum()

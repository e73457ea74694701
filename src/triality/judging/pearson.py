"""Pearson's distance: how far two quantities are from being the same up to a positive scale and a constant.

    D_rho(X, Y) = sqrt((1 - rho(X, Y)) / 2) = norm(x - y) / 2,   x, y = X, Y standardized        (Gleave et al. 2021, section 4)

0 where Y = a X + b with a > 0, 1 where a < 0, sqrt(1/2) where they are uncorrelated. The right-hand side is what is computed: from rho
itself, rounding would turn an exact 0 into the root of 1e-16. Costs and rewards have the same distances, since both turn their sign.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from triality.errors import DataError

ROUNDING = 1e-12
"""A spread below this share of the largest value is rounding: such a quantity is constant, and has no direction."""


def standardized(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], name: str = "the first") -> Float[np.ndarray, " n"]:
    """Mean 0 and mean square 1 under the weights, which need not sum to one.

    Raises:
        DataError: a value that is not finite, or no spread at all.

    Example:
        >>> standardized(np.array([1.0, 3.0]), np.ones(2)).tolist()
        [-1.0, 1.0]
    """
    if not np.all(np.isfinite(values)):
        raise DataError(f"expected finite values, got NaN or infinity in {name}; check the cost on these steps")
    share = weights / np.sum(weights)
    centered = values - share @ values
    spread = np.sqrt(share @ centered**2)
    if spread <= ROUNDING * max(1.0, float(np.max(np.abs(values)))):
        raise DataError(f"expected values that vary, got a constant as {name}; a constant reward ranks nothing, and has no distance")
    return centered / spread


def correlation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """Pearson's rho in [-1, 1].

    Raises:
        DataError: one side is constant.

    Example:
        >>> round(correlation(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, -1.0]), np.ones(3)), 12)
        -1.0
    """
    share = weights / np.sum(weights)
    return float(share @ (standardized(first, weights) * standardized(second, weights, "the second")))


def pearson_distance(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """sqrt((1 - rho) / 2) in [0, 1], exact to rounding at 0.

    Args:
        first: values of X.
        second: values of Y at the same places.
        weights: how much each place counts; not negative.

    Raises:
        DataError: one side is constant, where rho is 0/0.

    Example:
        >>> x = np.array([0.0, 1.0, 5.0])
        >>> pearson_distance(x, 2.0 * x + 3.0, np.ones(3)) < 1e-15, pearson_distance(x, -x, np.ones(3)).__round__(12)
        (True, 1.0)
    """
    share = weights / np.sum(weights)
    apart = standardized(first, weights) - standardized(second, weights, "the second")
    return float(0.5 * np.sqrt(share @ apart**2))


def ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """1 .. n, ties at their mean rank: Spearman's correlation is Pearson's of these.

    Example:
        >>> ranks(np.array([0.5, 9.0, 0.5])).tolist()
        [1.5, 3.0, 1.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[place].astype(float)

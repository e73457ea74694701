"""Wasserstein-2 distance between two sets of samples: exact transport, and the closed form on a line.

    W2^2 = min over plans P with marginals a, b of sum_ij P_ij |x_i - y_j|^2;     on a line: integral over t of (F_x^-1(t) - F_y^-1(t))^2

In units of x. Between samples of one law it is not zero but up to the order n^(-1/max(d, 4)) (Fournier and Guillin 2015): compare with the
distance of two samples of the target, never with 0. More than one coordinate needs POT (extra ``ot``); it is cubic in n, so some 2,000
samples are the limit.

Reference: Peyre and Cuturi, Computational optimal transport (2019); solver: Bonneel et al. 2011, in POT (Flamary et al., JMLR 22, 2021).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float

from triality.errors import ConfigError, DataError

Numbers = Float[Array, " _"] | Float[np.ndarray, " _"]
Points = Float[Array, "_ _"] | Float[np.ndarray, "_ _"]


def wasserstein_2(x: Points, y: Points) -> float:
    """W2 of two equally weighted sets of points, by network simplex.

    Raises:
        ConfigError: POT is not installed, or the dimensions differ.
        DataError: a sample is NaN or infinite.

    Example:
        >>> wasserstein_2(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 3.0], [0.0, 3.0]]))
        3.0
    """
    x, y = _finite(x), _finite(y)
    if x.shape[1] != y.shape[1]:
        raise ConfigError(f"expected samples of one dimension, got {x.shape[1]} and {y.shape[1]} coordinates; compare like with like")
    if x.shape[1] == 1:
        return wasserstein_2_on_a_line(x[:, 0], y[:, 0])
    ot = _pot()
    cost = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
    uniform = [np.full(len(points), 1.0 / len(points)) for points in (x, y)]
    squared = np.asarray(ot.emd2(uniform[0], uniform[1], cost, numItermax=10_000_000), float).item()
    return float(np.sqrt(max(squared, 0.0)))


def wasserstein_2_on_a_line(x: Numbers, y: Numbers) -> float:
    """W2 in one dimension, where the plan is known: quantiles go to equal quantiles. Any two sample sizes.

    Raises:
        DataError: a sample is NaN or infinite.

    Example:
        >>> wasserstein_2_on_a_line(np.array([0.0, 2.0]), np.array([1.0]))
        1.0
    """
    x, y = np.sort(_finite(x)), np.sort(_finite(y))
    n, m = len(x), len(y)
    # Both quantile functions are constant between the jumps i/n and j/m, counted here in units of 1/(n m) so that equal ones are equal.
    jumps = np.unique(np.concatenate([np.arange(n + 1) * m, np.arange(m + 1) * n]))
    widths = np.diff(jumps) / (n * m)
    return float(np.sqrt(np.sum(widths * (x[jumps[:-1] // m] - y[jumps[:-1] // n]) ** 2)))


def _finite(samples: Numbers | Points) -> np.ndarray:
    values = np.asarray(samples, np.float64)
    others = int((~np.isfinite(values)).sum())
    if not len(values) or others:
        raise DataError(f"expected finite samples, got {len(values)} with {others} NaN or infinite values; leave those out")
    return values


def _pot():
    try:
        import ot
    except ImportError as error:
        raise ConfigError('expected the package POT, got none installed; do pip install "triality[ot]"') from error
    return ot

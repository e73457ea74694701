"""log rho_E(x) - log rho_pi(x), by logistic regression between two sets of observations (Sugiyama et al. 2012, section 4).

    log odds(x) = w . phi(x) + b,   log ratio = log odds - log(n_E / n_pi),   minimize sum of log losses + l2 / 2 |w|^2

On one-hot observations and with l2 near 0 this is the log ratio of the two counts. Elsewhere it is the best of a class of functions: phi
are the coordinates and random waves of them (``PotentialClass``). Where one side never goes the ratio has no value, and the penalty gives
it one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.errors import ConfigError, DataError
from triality.judging.steps import PotentialClass


class LogRatio(NamedTuple):
    """A fitted log ratio, called with observations.

    Fields:
        features: phi.
        weights: w, and b last.
        offset: log(n_E / n_pi).
    """

    features: PotentialClass
    weights: Float[np.ndarray, " k_plus_1"]
    offset: float

    def __call__(self, observation: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, " n"]:
        """In nats: positive where the data are denser."""
        return _with_one(self.features(observation)) @ self.weights - self.offset


def fit_log_ratio(
    data: Float[np.ndarray, "n obs"], drawn: Float[np.ndarray, "m obs"], features: PotentialClass, l2: float = 1.0, num_steps: int = 50
) -> LogRatio:
    """Newton's method on the convex loss, halving steps that do not lower it.

    Args:
        data: observations of the demonstrations.
        drawn: of the roll-outs.
        features: phi.
        l2: of the penalty; one pseudo-observation's worth by default.
        num_steps: most steps.

    Raises:
        ConfigError: no penalty; where one side is alone the ratio would be infinite.
        DataError: a side without observations.

    Example:
        >>> seen = np.array([[0.0]] * 30 + [[1.0]] * 10), np.array([[0.0]] * 40 + [[1.0]] * 40)
        >>> ratio = fit_log_ratio(*seen, PotentialClass.fitted(np.concatenate(seen), num_waves=0), l2=1e-6)
        >>> np.exp(ratio(np.array([[0.0], [1.0]]))).round(4).tolist()  # shares 3/4 and 1/4 against halves
        [1.5, 0.5]
    """
    if not l2 > 0 or not len(data) or not len(drawn):
        error = DataError if l2 > 0 else ConfigError
        raise error(f"expected l2 > 0 and observations on both sides, got {l2}, {len(data)} and {len(drawn)}; give all three")
    rows = _with_one(features(np.concatenate([data, drawn])))
    labels, penalty = np.repeat([1.0, 0.0], [len(data), len(drawn)]), np.full(rows.shape[1], l2)
    penalty[-1] = 1e-12 * len(rows)  # b is free; this only keeps the matrix invertible

    def loss(weights: np.ndarray) -> float:
        odds = rows @ weights
        return float(np.sum(np.logaddexp(0.0, odds) - labels * odds) + 0.5 * penalty @ weights**2)

    weights = np.zeros(rows.shape[1])
    for _ in range(num_steps):
        share = np.exp(-np.logaddexp(0.0, -(rows @ weights)))
        slope = rows.T @ (share - labels) + penalty * weights
        if np.max(np.abs(slope)) <= 1e-9 * len(rows):
            break
        move = np.linalg.solve((rows * (share * (1.0 - share))[:, None]).T @ rows + np.diag(penalty), slope)
        size = next((0.5**k for k in range(20) if loss(weights - 0.5**k * move) <= loss(weights)), 0.0)
        weights = weights - size * move
    return LogRatio(features, weights, float(np.log(len(data) / len(drawn))))


def _with_one(features: np.ndarray) -> np.ndarray:
    return np.column_stack([features, np.ones(len(features))])

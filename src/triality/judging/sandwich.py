"""How far the parameters of ``mce_irl`` may be off, given so many demonstrations: the sandwich (Godambe 1960; White 1982).

    cov(theta) = H^+ S H^+ / n
    H = Hessian of the dual + l2        (``feature_sums``)
    S = covariance over demonstrations of g_i = sum_t gamma^t f(x_t, u_t) - E[the same | x_1]

H^+ leaves out the directions in which the likelihood is flat: nothing can be said of them, and the parameter's part in them is taken as
zero. Neither the model needs to be right, nor the dynamics deterministic; where both are, S = H and the sandwich is H^+ / n. S alone and
H^+ S H^+ without 1/n are no covariances of anything. With l2 > 0 the interval is about what infinitely many demonstrations would give
*with the same l2*, not about the truth.

Reference: Godambe 1960, Annals of Mathematical Statistics 31; White 1982, Econometrica 50.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from triality.errors import ConfigError, DataError
from triality.judging.feature_sums import demonstrated_sums, linear_features, model_sums
from triality.tabular.costs import CostModel
from triality.tabular.demonstrations import TabularDemonstrations
from triality.tabular.irl import IrlResult
from triality.tabular.mdp import TabularMDP

TOLERANCE = 1e-9
"""An eigenvalue of H below this share of the largest counts as zero: a flat direction."""


class Sandwich(NamedTuple):
    """Errors of a learned cost.

    Fields:
        parameters: theta in a row, its part in flat directions taken away.
        covariance: of the parameters.
        features: f(x, u).
        information: H.
        score_covariance: S.
        num_demonstrations: n.
        num_flat: directions that H^+ leaves out.
    """

    parameters: Float[np.ndarray, " k"]
    covariance: Float[np.ndarray, "k k"]
    features: Float[np.ndarray, "states actions k"]
    information: Float[np.ndarray, "k k"]
    score_covariance: Float[np.ndarray, "k k"]
    num_demonstrations: int
    num_flat: int

    def cost(self, level: float = 0.95, projection: Float[np.ndarray, "n n"] | None = None) -> CostInterval:
        """The cost of every pair with its interval, theta . f +- z stderr.

        Args:
            level: share of data sets whose interval should hold the limit.
            projection: a linear map of costs, (S A, S A), pairs in a row, such as ``shaping_projection``: the interval is then about its
                result.

        Raises:
            ConfigError: a level outside (0, 1).
        """
        rows = self.features.reshape(-1, self.features.shape[-1])
        rows = rows if projection is None else projection @ rows
        return interval_of(rows @ self.parameters, rows, self.covariance, level, self.features.shape[:2])


class CostInterval(NamedTuple):
    """A cost with its interval, (S, A) each.

    Fields:
        value: c(x, u).
        stderr: one standard error.
        low, high: ends of the interval.
    """

    value: Float[np.ndarray, "states actions"]
    stderr: Float[np.ndarray, "states actions"]
    low: Float[np.ndarray, "states actions"]
    high: Float[np.ndarray, "states actions"]


def sandwich(
    mdp: TabularMDP,
    demonstrations: TabularDemonstrations,
    cost_model: CostModel,
    learned: IrlResult,
    l2: float = 0.0,
    tolerance: float = TOLERANCE,
) -> Sandwich:
    """The errors of what ``mce_irl`` learned from these demonstrations.

    Args:
        mdp: as of ``mce_irl``.
        demonstrations: independent trajectories, each counting once.
        cost_model: linear in its parameters.
        learned: the result of ``mce_irl``, converged.
        l2: as of its options.
        tolerance: share of the largest eigenvalue of H below which a direction counts as flat.

    Raises:
        ConfigError: a cost that is not linear in its parameters.
        DataError: fewer than two demonstrations, or a result that did not converge.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.tabular import StateActionCost, empirical_visitation, mce_irl
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=1)
        >>> seen = TabularDemonstrations(jnp.zeros((4, 2), int), jnp.array([[0], [1], [1], [1]]), jnp.ones(4, int))
        >>> learned = mce_irl(mdp, empirical_visitation(mdp, seen), StateActionCost(mdp))
        >>> found = sandwich(mdp, seen, StateActionCost(mdp), learned)  # a coin: var(log odds) = 1 / (p (1 - p) (n - 1))
        >>> found.num_flat, round(float(np.sqrt(np.array([1, -1]) @ found.covariance @ np.array([1, -1]))), 4)
        (1, 1.3333)
    """
    if not learned.converged:
        raise DataError(f"expected a converged result, got a gap of {float(learned.gap[-1]):.3g}; raise max_num_steps or the tolerance")
    features, starts = linear_features(cost_model), np.asarray(demonstrations.states)[:, 0]
    n = len(starts)
    if n < 2:
        raise DataError(f"expected at least 2 demonstrations for a covariance, got {n}; one trajectory has no spread")
    law = np.bincount(starts, minlength=mdp.num_states) / n
    sums = model_sums(mdp, np.asarray(learned.log_policy), features, law)
    score = demonstrated_sums(mdp, demonstrations, features) - sums.expected[starts]
    spread = np.atleast_2d(np.cov(score, rowvar=False))
    inverse, kept = _pseudo_inverse(sums.information + l2 * np.eye(len(sums.information)), tolerance)
    theta = np.asarray(learned.parameters, np.float64).ravel()
    covariance = inverse @ spread @ inverse / n
    return Sandwich(kept @ kept.T @ theta, covariance, features, sums.information, spread, n, len(theta) - kept.shape[1])


def interval_of(
    value: Float[np.ndarray, " n"],
    rows: Float[np.ndarray, "n k"],
    covariance: Float[np.ndarray, "k k"],
    level: float,
    shape: tuple[int, ...],
) -> CostInterval:
    """value +- z sqrt(row . cov . row) as tables of ``shape``; z of the normal law.

    Raises:
        ConfigError: a level outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"expected a level strictly between 0 and 1, got {level}; 0.95 is usual")
    stderr = np.sqrt(np.maximum(np.einsum("nk,kl,nl->n", rows, covariance, rows), 0.0))
    reach = NormalDist().inv_cdf(0.5 + 0.5 * level) * stderr
    return CostInterval(*(part.reshape(shape) for part in (value, stderr, value - reach, value + reach)))


def _pseudo_inverse(matrix: Float[np.ndarray, "k k"], tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """H^+ and an orthonormal basis of the directions that it keeps, (k, rank)."""
    sizes, directions = np.linalg.eigh(0.5 * (matrix + matrix.T))
    kept = sizes > tolerance * max(float(sizes[-1]), 1e-300)
    return (directions[:, kept] / sizes[kept]) @ directions[:, kept].T, directions[:, kept]

"""The cost of an ensemble: several learned costs, each brought to the one form in which they can be compared, and where they disagree.

    s_i = C(c_i) / scale(C(c_i)),   C takes away a constant, or all potential shaping,   mean_i s_i +- std_i s_i  at every place

Without C, two seeds that learned one cost look as far apart as their constants and potentials. Members are the seeds of a run, or costs
learned from resampled demonstrations. Which interval: *members* spread over what learning might have given, ``percentile`` (an interval
for the cost itself where members are bootstrap resamples); their *mean* is known better, ``of_mean`` (Student's t, independent seeds).
Neither sees an error that all members share. A scale is taken away by default; at temperature 1 against an entropy it has a meaning, and
``as_learned`` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.judging.starc import pair_weights
from triality.tabular.mdp import TabularMDP

ROUNDING = 1e-12
"""What is left of a cost, as a share of its largest value, that counts as nothing left."""

Scale = Callable[[Float[np.ndarray, " places"], Float[np.ndarray, " places"]], float]
"""(canonical values, weights that sum to one) to what they are divided by."""


class Ensemble(NamedTuple):
    """Canonical costs of several members at the same places.

    Fields:
        members: one row a member.
        weights: how much each place counts; they sum to one.
    """

    members: Float[np.ndarray, "members places"]
    weights: Float[np.ndarray, " places"]

    @property
    def mean(self) -> Float[np.ndarray, " places"]:
        """Of the members."""
        return self.members.mean(axis=0)

    @property
    def deviation(self) -> Float[np.ndarray, " places"]:
        """Standard deviation over the members, m - 1 below."""
        return self.members.std(axis=0, ddof=1)

    @property
    def disagreement(self) -> float:
        """Weighted mean variance over the m members, as a share of all: 0 for one cost, 1 - 1/m where they have nothing in common."""
        within = float(self.weights @ self.members.var(axis=0))
        center = self.mean - self.weights @ self.mean
        return within / (within + float(self.weights @ center**2))

    def percentile(self, level: float = 0.95) -> tuple[Float[np.ndarray, " places"], Float[np.ndarray, " places"]]:
        """The middle ``level`` of the members: a bootstrap interval where they were learned from resamples.

        Raises:
            ConfigError: a level outside (0, 1).
            DataError: so few members that the ends would be the extremes and nothing beyond.
        """
        _check_level(level)
        least = int(np.ceil(2.0 / (1.0 - level) - 1e-9))
        if len(self.members) < least:
            raise DataError(f"expected at least {least} members for a percentile interval at {level}, got {len(self.members)}; use of_mean")
        low, high = np.quantile(self.members, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
        return low, high

    def of_mean(self, level: float = 0.95) -> tuple[Float[np.ndarray, " places"], Float[np.ndarray, " places"]]:
        """An interval for what the mean of infinitely many independent members would be: mean +- t std / sqrt(m).

        Raises:
            ConfigError: a level outside (0, 1).
        """
        _check_level(level)
        reach = student_quantile(0.5 + 0.5 * level, len(self.members) - 1) * self.deviation / np.sqrt(len(self.members))
        return self.mean - reach, self.mean + reach


def unit_spread(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """Root of the weighted mean square: every member then has the same, and only the order of policies is left."""
    return float(np.sqrt(weights @ values**2))


def as_learned(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """1: the scale stays, in units of the temperature."""
    del values, weights
    return 1.0


def table_ensemble(
    mdp: TabularMDP,
    costs: Float[np.ndarray, "members states actions"],
    projection: Float[np.ndarray, "pairs pairs"],
    weights: ArrayLike | None = None,
    scale: Scale = unit_spread,
) -> Ensemble:
    """Of costs on a table; places are the pairs, in a row.

    Args:
        mdp: what they are costs of.
        costs: one table a member.
        projection: ``shaping_projection(mdp, weights)``, or ``constant_projection``.
        weights: w(x, u) of the scale and of all averages; uniform by default.
        scale: what each canonical cost is divided by.

    Raises:
        DataError: fewer than two members, values that are not finite, or a member of which nothing is left.

    Example:
        >>> from triality.judging.shaping_projection import shaping_projection
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> found = table_ensemble(mdp, np.array([[[0.0, 1.0]], [[5.0, 11.0]]]), shaping_projection(mdp))
        >>> found.mean.round(9).tolist(), found.deviation.round(9).tolist()
        ([-1.0, 1.0], [0.0, 0.0])
    """
    law, rows = pair_weights(mdp, weights).ravel(), np.asarray(costs, np.float64).reshape(len(costs), -1)
    if rows.shape[1] != len(law):
        raise DataError(
            f"expected costs of shape (members, {mdp.num_states}, {mdp.num_actions}), got {np.shape(costs)}; one table a member"
        )
    return _ensemble(rows, rows @ projection.T, law, scale)


def sampled_ensemble(
    costs: Float[np.ndarray, "members n"],
    directions: Float[np.ndarray, "n k"],
    weights: Float[np.ndarray, " n"] | None = None,
    scale: Scale = unit_spread,
) -> Ensemble:
    """Of costs along steps that happened; places are the steps.

    Args:
        costs: one row a member.
        directions: what is taken away of each by least squares beside a constant, ``PotentialClass.shaping`` or (n, 0).
        weights: of the steps; equal by default.
        scale: what each canonical cost is divided by.

    Raises:
        DataError: as ``table_ensemble``.

    Example:
        >>> found = sampled_ensemble(np.array([[0.0, 1.0, 5.0], [1.0, 3.0, 11.0]]), np.zeros((3, 0)))
        >>> found.disagreement < 1e-12
        True
    """
    rows, n = np.asarray(costs, np.float64), np.shape(costs)[1]
    law = np.full(n, 1.0 / n) if weights is None else weights / np.sum(weights)
    return _ensemble(rows, unshaped(rows, directions, law), law, scale)


def unshaped(
    costs: Float[np.ndarray, "members n"], directions: Float[np.ndarray, "n k"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "members n"]:
    """What weighted least squares leaves of each cost after a constant and the directions; one factorization for all members.

    Example:
        >>> unshaped(np.array([[0.0, 2.0, 4.0], [1.0, 1.0, 4.0]]), np.zeros((3, 0)), np.ones(3)).round(9).tolist()
        [[-2.0, -0.0, 2.0], [-1.0, -1.0, 2.0]]
    """
    free, root = np.column_stack([directions, np.ones(costs.shape[1])]), np.sqrt(weights)[:, None]
    return costs - (free @ np.linalg.lstsq(root * free, root * costs.T, rcond=None)[0]).T


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile above the median of Student's t, by bisection on its law.

    Example:
        >>> round(student_quantile(0.975, 2), 3)
        4.303
    """
    ends, target = np.array([0.0, 1e6]), 2.0 * (1.0 - probability)
    for _ in range(80):
        middle = ends.mean()
        tail = float(betainc(jnp.asarray(0.5 * degrees), jnp.asarray(0.5), jnp.asarray(degrees / (degrees + middle**2))))
        ends[int(tail < target)] = middle
    return float(ends.mean())


def _ensemble(costs: np.ndarray, canonical: np.ndarray, law: np.ndarray, scale: Scale) -> Ensemble:
    if len(costs) < 2:
        raise DataError(f"expected at least 2 members, got {len(costs)}; one cost has nothing to disagree with")
    if not np.all(np.isfinite(costs)):
        raise DataError("expected finite costs, got NaN or infinity; leave out the member that diverged")
    left, size = np.sqrt(canonical**2 @ law), np.abs(costs).max(axis=1)
    if np.any(left <= ROUNDING * np.maximum(size, 1e-300)):
        worst = int(np.argmin(left / np.maximum(size, 1e-300)))
        raise DataError(f"expected costs that order policies, got member {worst} constant up to what is taken away; leave it out")
    return Ensemble(np.stack([row / scale(row, law) for row in canonical]), law)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError(f"expected a level strictly between 0 and 1, got {level}; 0.95 is usual")

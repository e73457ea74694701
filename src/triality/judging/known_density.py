"""A learned cost against the truth where the expert's density is known: f = -c, and what f must be at its optimum (Fu et al. 2018; D10).

    f*(x, u) = log pi_E(u|x) + log(rho_E(x) / rho_pi(x))        nu = 1;   s = f - log pi,   D = sigmoid(s)

rho: the laws of the states in the *minibatches*, pooled over steps and undiscounted. No constant and no scale is free: log pi is normalized
already. f* is the expert's advantage only where both sides visit states alike; leave the ratio out and the comparison is with another
function.

A cost of whole trajectories obeys another identity: log pi_E = Q - V = -c - V(x) + E[V(x')], so that -c is log pi_E up to shaping alone,
ratio or no ratio. ``r_squared_up_to_shaping`` is for that; the error is for costs of single steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from triality.errors import DataError
from triality.judging.ensemble import unshaped
from triality.judging.pearson import correlation


class KnownDensityGap(NamedTuple):
    """How far f is from f*.

    Fields:
        error: root of the mean square of f - f*, in nats.
        bias: mean of f - f*, in nats.
        correlation: of f and f*; NaN where one of them is constant.
        mean_ratio: root of the mean square of log(rho_E / rho_pi): what leaving it out would move.
        region_bias: mean of f - f* in each region; NaN in an empty one.
        region_error: root of the mean square there.
    """

    error: float
    bias: float
    correlation: float
    mean_ratio: float
    region_bias: Float[np.ndarray, " regions"]
    region_error: Float[np.ndarray, " regions"]


def single_step_optimum(
    log_expert: Float[np.ndarray, "states actions"],
    expert_visits: Float[np.ndarray, " states"],
    policy_visits: Float[np.ndarray, " states"],
) -> Float[np.ndarray, "states actions"]:
    """f* on a table; +inf where the policy never goes, -inf where the expert never does, NaN where neither does.

    Args:
        log_expert: log pi_E(u|x), in nats.
        expert_visits: rho_E, in any unit.
        policy_visits: rho_pi, in any unit.

    Raises:
        DataError: visits that are negative, or none at all.

    Example:
        >>> f = single_step_optimum(np.log([[0.5, 0.5], [0.8, 0.2]]), np.array([3.0, 1.0]), np.array([1.0, 1.0]))
        >>> np.exp(f).round(6).tolist()
        [[0.75, 0.75], [0.4, 0.1]]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(log_expert) + (np.log(_law(expert_visits)) - np.log(_law(policy_visits)))[:, None]


def known_density_gap(
    f: Float[np.ndarray, " n"],
    log_expert: Float[np.ndarray, " n"],
    log_ratio: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"] | None = None,
    region: Int[np.ndarray, " n"] | None = None,
) -> KnownDensityGap:
    """The comparison at given pairs: all of a table, or the steps of demonstrations whose ``log_prob`` is recorded.

    Args:
        f: minus the learned cost; of a shaped cost, minus that of the transition.
        log_expert: log pi_E(u|x), in nats.
        log_ratio: log(rho_E(x) / rho_pi(x)); from visits on a table, else from ``fit_log_ratio``.
        weights: how much each pair counts; equal by default.
        region: 0 .. R-1 of each pair; one region by default.

    Raises:
        DataError: values that are not finite where the weight is positive.

    Example:
        >>> gap = known_density_gap(np.array([0.0, 1.0]), np.array([-1.0, 0.0]), np.array([0.5, 0.5]), region=np.array([0, 1]))
        >>> gap.bias, gap.region_bias.tolist(), gap.correlation.__round__(9)
        (0.5, [0.5, 0.5], 1.0)
    """
    law = np.full(len(f), 1.0 / len(f)) if weights is None else weights / np.sum(weights)
    counts = law > 0
    values, target, share = f[counts], (log_expert + log_ratio)[counts], law[counts]
    if not np.all(np.isfinite(values)) or not np.all(np.isfinite(target)):
        raise DataError("expected finite f, log_prob and log ratio, got NaN or infinity; weigh pairs that one side never visits by 0")
    labels = np.zeros(len(values), int) if region is None else region[counts]
    off = values - target
    sums = [np.bincount(labels, weights=part) for part in (share, share * off, share * off**2)]
    with np.errstate(divide="ignore", invalid="ignore"):
        region_bias, region_square = sums[1] / sums[0], sums[2] / sums[0]
    return KnownDensityGap(
        error=float(np.sqrt(share @ off**2)),
        bias=float(share @ off),
        correlation=_correlation(values, target, share),
        mean_ratio=float(np.sqrt(share @ log_ratio[counts] ** 2)),
        region_bias=region_bias,
        region_error=np.sqrt(region_square),
    )


def r_squared_up_to_shaping(f: Float[np.ndarray, " n"], log_expert: Float[np.ndarray, " n"], shaping: Float[np.ndarray, "n k"]) -> float:
    """Share of the variance of log pi_E, less its own shaping, that f explains at scale 1: 1 where -c is log pi_E up to shaping; can be <
    0.

    Args:
        f: minus the cost of each step.
        log_expert: log pi_E of each step.
        shaping: phi(x) - gamma phi(x'), the columns that a potential is made of.

    Raises:
        DataError: log pi_E is shaping alone on these steps.

    Example:
        >>> log_expert, h = np.array([-1.0, -2.0, -0.5, -3.0]), np.array([[1.0], [0.0], [0.0], [2.0]])
        >>> round(r_squared_up_to_shaping(log_expert + 3.0 * h[:, 0] + 7.0, log_expert, h), 9)
        1.0
    """
    law = np.full(len(f), 1.0 / len(f))
    left, apart = unshaped(np.stack([log_expert, f - log_expert]), shaping, law)
    if np.sqrt(law @ left**2) <= 1e-10 * max(float(np.max(np.abs(log_expert))), 1e-300):
        raise DataError("expected a log_prob that shaping does not explain, got shaping alone; take more steps, or a smaller class")
    return float(1.0 - np.sum(apart**2) / np.sum(left**2))


def _correlation(values: np.ndarray, target: np.ndarray, share: np.ndarray) -> float:
    try:
        return correlation(values, target, share)
    except DataError:
        return float("nan")


def _law(visits: ArrayLike) -> Float[np.ndarray, " states"]:
    values = np.asarray(visits, np.float64)
    if not np.all(np.isfinite(values)) or values.min() < 0 or values.sum() <= 0:
        raise DataError("expected visits >= 0 with a positive sum, got others; pool them over the steps of the minibatches")
    return values / values.sum()

"""Relative-entropy IRL (Boularias, Kober and Peters 2011): model-free, from the trajectories of one fixed sampler.

    p_theta(tau) = U(tau) e^{-theta.f(tau)} / Z,     tau_j drawn from pi

    L(theta)  = theta.f_E + log (1/m) sum_j w_j e^{-theta.f_j} + sum_i epsilon_i |theta_i|,     w_j = U(tau_j) / pi(tau_j)
    dL/dtheta = f_E - sum_j w_j e^{-theta.f_j} f_j / sum_j w_j e^{-theta.f_j} + epsilon_i sign(theta_i)        (theirs, for a cost)

U is the baseline law and pi who drew: the dynamics stand in both and cancel, so that no model is needed, only log U - log pi of actions.
With U and pi alike the weights are one. L is the guided cost objective with q never improved (the sampler is fixed) and a linear cost;
its log Z is therefore biased low by as much as the drawn trajectories miss what theta makes likely: watch ``ess``.

epsilon_i, from Hoeffding's bound, is how far f_E may be from its expectation; it is the weight of the L1 norm. Features the demonstrations
cannot tell from the baseline get exactly zero.

Reference: A. Boularias, J. Kober and J. Peters, Relative entropy inverse reinforcement learning, AISTATS 2011.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.tabular.systems.proximal import ProximalConfig, minimize_with_l1
from triality.tabular.systems.trajectory_features import check_finite


class RelativeEntropyResult(NamedTuple):
    """What was learned.

    Fields:
        parameters: theta of the cost theta.f; low = likely.
        log_weight: log of the normalized weights of the drawn trajectories under the model, in nats.
        log_z: log Z against U, estimated from the draws, in nats.
        ess: effective number of drawn trajectories. Near one: theta left what the sampler covers, and means little.
        objective: L(theta).
        residual: how far from the optimum, as in ``ProximalResult``.
        converged: whether the residual is within the tolerance.
    """

    parameters: Float[Array, " features"]
    log_weight: Float[Array, " m"]
    log_z: Float[Array, ""]
    ess: Float[Array, ""]
    objective: Float[Array, ""]
    residual: Float[Array, ""]
    converged: bool


class RelativeEntropyLoss(eqx.Module):
    """L(theta) without the penalty: convex, and its gradient is the published one, by automatic differentiation.

    Args:
        demonstrated: f_E, the mean features of the demonstrations.
        drawn: features of each drawn trajectory.
        log_ratio: log U - log pi of each drawn trajectory, in nats.

    Example:
        >>> loss = RelativeEntropyLoss(jnp.array([1.0]), jnp.array([[0.0], [4.0]]), jnp.zeros(2))
        >>> jax.grad(loss)(jnp.zeros(1)).tolist()  # 1 - (0 + 4) / 2: a larger theta lowers the loss
        [-1.0]
    """

    demonstrated: Float[Array, " features"]
    drawn: Float[Array, "m features"]
    log_ratio: Float[Array, " m"]

    def __call__(self, theta: Float[Array, " features"]) -> Float[Array, ""]:
        return theta @ self.demonstrated + self.log_z(theta)

    def log_z(self, theta: Float[Array, " features"]) -> Float[Array, ""]:
        """log of the mean of U e^{-theta.f} / pi, in nats."""
        return jax.nn.logsumexp(self.log_ratio - self.drawn @ theta) - jnp.log(self.drawn.shape[0])


def relative_entropy_irl(
    demonstrated: Float[Array, "n features"],
    drawn: Float[Array, "m drawn_features"],
    log_ratio: Float[Array, " ratios"] | None = None,
    epsilon: Float[Array, " features"] | float = 0.0,
    config: ProximalConfig | None = None,
) -> RelativeEntropyResult:
    """theta from features of demonstrated and of drawn trajectories; see ``trajectory_features``.

    Args:
        demonstrated: features of each demonstration.
        drawn: features of each trajectory that the fixed sampler drew.
        log_ratio: log U - log pi of the drawn ones, in nats; zero by default: the sampler is the baseline.
        epsilon: weight of each |theta_i|, in the unit of the features; see ``hoeffding_epsilon``. At 0 there is no optimum where the
            demonstrations' mean lies outside the hull of the drawn features: the run then ends unconverged, with an ess near one.
        config: when to stop.

    Raises:
        DataError: something is empty or not finite, or shapes do not fit.
        ConfigError: an epsilon is negative.

    Example:
        >>> learned = relative_entropy_irl(jnp.array([[1.0]]), jnp.array([[0.0], [4.0]]))
        >>> round(float(learned.parameters[0]), 4), learned.converged  # weights 3/4 and 1/4: log(3) / 4
        (0.2747, True)
    """
    config = config or ProximalConfig()
    log_ratio = jnp.zeros(drawn.shape[0], drawn.dtype) if log_ratio is None else log_ratio
    for name, values in (("demonstrated features", demonstrated), ("drawn features", drawn), ("log ratios", log_ratio)):
        check_finite(name, values)
    if demonstrated.shape[1] != drawn.shape[1] or log_ratio.shape != drawn.shape[:1]:
        raise DataError(
            f"expected one set of features and one ratio a draw, got {demonstrated.shape}, {drawn.shape} and {log_ratio.shape}; align them"
        )
    l1 = jnp.broadcast_to(jnp.asarray(epsilon, drawn.dtype), drawn.shape[1:])
    if bool(jnp.any(l1 < 0)):
        raise ConfigError("expected epsilon >= 0, got a negative one; it is the half-width of an interval")
    loss = RelativeEntropyLoss(jnp.mean(demonstrated, axis=0), drawn, log_ratio)
    found = minimize_with_l1(loss, jnp.zeros(drawn.shape[1], drawn.dtype), l1, -np.inf, config.tolerance, config.max_num_steps)
    log_weight = jax.nn.log_softmax(log_ratio - drawn @ found.parameters)
    ess = jnp.exp(-jax.nn.logsumexp(2.0 * log_weight))
    converged = bool(found.residual <= config.tolerance)
    return RelativeEntropyResult(found.parameters, log_weight, loss.log_z(found.parameters), ess, *found[1:3], converged)


def hoeffding_epsilon(
    num_demonstrations: int, feature_range: float | ArrayLike, confidence: float = 0.9, num_steps: int = 1, discount: float = 1.0
) -> Float[np.ndarray, " features"]:
    """sqrt(-log(1 - confidence) / 2n) * sum_t gamma^t * (max f - min f): the mean of n demonstrations is this close, on one side.

    Args:
        num_demonstrations: n.
        feature_range: max - min of each feature in one step.
        confidence: probability that one feature is within its epsilon; not of all together.
        num_steps: T.
        discount: gamma.

    Raises:
        ConfigError: a count below one, or a confidence outside (0, 1).

    Example:
        >>> hoeffding_epsilon(50, [1.0, 2.0], confidence=0.9, num_steps=3).round(4).tolist()
        [0.4552, 0.9105]
    """
    if num_demonstrations < 1 or num_steps < 1 or not 0.0 < confidence < 1.0:
        raise ConfigError(
            f"expected counts >= 1 and a confidence in (0, 1), got {num_demonstrations}, {num_steps} and {confidence}; correct them"
        )
    width = np.atleast_1d(np.asarray(feature_range, dtype=float)) * np.sum(discount ** np.arange(num_steps))
    return np.sqrt(-np.log1p(-confidence) / (2.0 * num_demonstrations)) * width

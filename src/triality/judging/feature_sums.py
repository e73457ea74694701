"""Sums of a linear cost's features along trajectories of a table: those of each demonstration, what the model expects, how much they tell.

    psi_V(x) = sum_u pi(u|x) psi_Q(x, u),   psi_Q(x, u) = f(x, u) + gamma E[psi_V(x')]        (successor features)
    d log pi(u|x) / d theta = -(psi_Q(x, u) - psi_V(x))
    H = sum_t sum_x gamma^t d_t(x) Var_{u ~ pi_t(.|x)} psi_Q(x, u)

H is the Hessian of the dual of ``mce_irl`` and the Fisher information of its policy: what the *actions* say. With deterministic dynamics
it is the covariance of the feature sums of a trajectory given its start. With stochastic ones it is smaller: the rest of that covariance
is the luck of the dynamics, which moves the sums and says nothing of the cost.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from triality.errors import ConfigError, DataError
from triality.judging.tables import branch_probabilities, discount_of, policy_chain
from triality.tabular.costs import CostModel
from triality.tabular.demonstrations import TabularDemonstrations, empirical_visitation
from triality.tabular.mdp import TabularMDP

LogPolicy = Float[np.ndarray, "states actions"] | Float[np.ndarray, "time states actions"]


class ModelSums(NamedTuple):
    """What a policy expects of the feature sums.

    Fields:
        expected: E[sum_t gamma^t f | x_1 = x].
        scores: psi_Q - psi_V of every step, state and action: minus the derivative of log pi. One step where the policy is stationary.
        visits: gamma^t d_t(x), summed over t where the policy is stationary.
        information: H.
    """

    expected: Float[np.ndarray, "states features"]
    scores: Float[np.ndarray, "time states actions features"]
    visits: Float[np.ndarray, "time states"]
    information: Float[np.ndarray, "features features"]


def linear_features(cost_model: CostModel) -> Float[np.ndarray, "states actions features"]:
    """f(x, u), the derivative of the cost in its parameters, the latter in a row.

    Raises:
        ConfigError: the cost is not linear in its parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.tabular.costs import LinearCost
        >>> linear_features(LinearCost(jnp.array([[[1.0, 2.0]]]))).tolist()
        [[[1.0, 2.0]]]
    """
    start = cost_model.initial()
    slope, elsewhere = (np.asarray(_slope(cost_model, at), np.float64) for at in (start, start + 1.0))
    if not np.allclose(slope, elsewhere) or np.any(np.asarray(cost_model(start))):
        raise ConfigError("expected a cost that is linear in its parameters, got another; use LinearCost, StateCost or StateActionCost")
    return slope.reshape(*slope.shape[:2], -1)


def demonstrated_sums(
    mdp: TabularMDP, demonstrations: TabularDemonstrations, features: Float[np.ndarray, "states actions k"]
) -> Float[np.ndarray, "n k"]:
    """sum_t gamma^t f(x_t, u_t) of each demonstration, on the scale of ``empirical_visitation``: their mean is that of its visits.

    Raises:
        DataError: as ``empirical_visitation``.
    """
    empirical_visitation(mdp, demonstrations)  # refuses what is no demonstration of this MDP
    states, actions, lengths = (np.asarray(part) for part in demonstrations)
    used = np.arange(actions.shape[1]) < lengths[:, None]
    per_step = np.where(used, float(mdp.discount) ** np.arange(actions.shape[1]), 0.0)
    if mdp.horizon is None:
        per_step = per_step / (per_step.sum(axis=1, keepdims=True) * (1.0 - float(mdp.discount)))
    before, taken = np.where(used, states[:, :-1], 0), np.where(used, actions, 0)
    return np.einsum("nt,ntk->nk", per_step, features[before, taken])


def model_sums(
    mdp: TabularMDP,
    log_policy: LogPolicy,
    features: Float[np.ndarray, "states actions k"],
    start: Float[np.ndarray, " states"],
    visits: Float[np.ndarray, "steps states"] | None = None,
) -> ModelSums:
    """The same of a policy, exactly.

    Args:
        mdp: discounted, or with a horizon.
        log_policy: (S, A) where the MDP is discounted, (T, S, A) over a horizon, as ``IrlResult.log_policy``.
        features: f.
        start: the law of x_1.
        visits: d, of the demonstrations say; the policy's own by default.

    Raises:
        DataError: a policy, or visits, of another shape.
    """
    policy = np.exp(np.asarray(log_policy, np.float64))
    pairs = (mdp.num_states, mdp.num_actions)
    if policy.shape != (pairs if mdp.horizon is None else (mdp.horizon, *pairs)):
        raise DataError(f"expected a policy of the MDP's own kind, got shape {policy.shape}; take it from mce_irl in the same MDP")
    found = _stationary(mdp, policy, features, start) if mdp.horizon is None else _step_by_step(mdp, policy, features, start)
    expected, scores, steps, own = found
    law = own if visits is None else visits
    if law.shape != own.shape:
        raise DataError(f"expected visits of shape {own.shape}, got {law.shape}; one a step over a horizon, a single one else")
    rows = (np.sqrt(law[..., None] * steps)[..., None] * scores).reshape(-1, scores.shape[-1])
    return ModelSums(expected, scores, law, rows.T @ rows)


@eqx.filter_jit
def _slope(cost_model: CostModel, at: Float[Array, ...]) -> Float[Array, "states actions ..."]:
    return jax.jacobian(cost_model)(at)


def _stationary(mdp: TabularMDP, policy: np.ndarray, features: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
    gamma, law, after = discount_of(mdp), branch_probabilities(mdp), np.asarray(mdp.successors)
    inverse = np.eye(mdp.num_states) - gamma * policy_chain(mdp, policy)
    value = np.linalg.solve(inverse, np.einsum("xu,xuk->xk", policy, features))
    ahead = features + gamma * np.einsum("xub,xubk->xuk", law, value[after])
    return value, (ahead - value[:, None])[None], policy[None], np.linalg.solve(inverse.T, start)[None]


def _step_by_step(mdp: TabularMDP, policy: np.ndarray, features: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
    law, after = branch_probabilities(mdp), np.asarray(mdp.successors)
    value, scores, visits = np.zeros((mdp.num_states, features.shape[-1])), [], [np.asarray(start, np.float64)]
    for step in policy[::-1]:
        ahead = features + np.einsum("xub,xubk->xuk", law, value[after])
        value = np.einsum("xu,xuk->xk", step, ahead)
        scores.append(ahead - value[:, None])
    for step in policy[:-1]:
        following = np.zeros(mdp.num_states)
        np.add.at(following, after, (visits[-1][:, None] * step)[..., None] * law)
        visits.append(following)
    return value, np.stack(scores[::-1]), policy, np.stack(visits)

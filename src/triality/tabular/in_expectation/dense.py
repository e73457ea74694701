"""Visits and soft-optimal policies of small discounted tables by linear solves, differentiable: what the objectives here are made of.

    d_pi = rho + gamma P_pi' d_pi            n_pi(x, u) = d_pi(x) pi(u|x), summing to 1 / (1 - gamma)
    V = T V,  dV = (I - gamma P_pi)^-1 dT    the implicit function theorem at the fixed point

Dense S x S systems, for tables of some thousand states. ``discounted_visits`` is the sparse way, without a derivative.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError, DataError
from triality.tabular.demonstrations import Visitation
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_backup, soft_value_iteration


def chain(mdp: TabularMDP, log_policy: Float[Array, "states actions"]) -> Float[Array, "states next_states"]:
    """P_pi(x'|x) = sum_u pi(u|x) P(x'|x, u).

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [1]]], jnp.ones((2, 2, 1)), 0, discount=0.5)
        >>> chain(mdp, jnp.log(jnp.array([[0.25, 0.75], [0.5, 0.5]]))).round(6).tolist()
        [[0.25, 0.75], [0.0, 1.0]]
    """
    flow = jnp.exp(log_policy)[..., None] * jnp.exp(mdp.log_probabilities)
    rows = jnp.broadcast_to(jnp.arange(mdp.num_states)[:, None, None], mdp.successors.shape)
    return jnp.zeros((mdp.num_states, mdp.num_states), flow.dtype).at[rows, mdp.successors].add(flow)


def exact_visits(
    mdp: TabularMDP, log_policy: Float[Array, "states actions"], start: Float[Array, " states"]
) -> Float[Array, "states actions"]:
    """n_pi(x, u) = sum_t gamma^t P(x_t = x, u_t = u), differentiable in the policy.

    Args:
        mdp: with a discount.
        log_policy: log pi(u|x), in nats.
        start: law of the first state.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.75)
        >>> exact_visits(mdp, jnp.log(jnp.array([[0.25, 0.75]])), jnp.ones(1)).round(6).tolist()
        [[1.0, 3.0]]
    """
    state = jnp.linalg.solve(jnp.eye(mdp.num_states) - mdp.discount * chain(mdp, log_policy).T, start)
    return state[:, None] * jnp.exp(log_policy)


def soft_policy(mdp: TabularMDP, cost: Float[Array, "states actions"], tolerance: float = 1e-12) -> Float[Array, "states actions"]:
    """log pi of the soft optimum of a cost, with its first derivative.

    One Newton step from the fixed point leaves the fixed point where it is, and carries exactly the derivative that it has; nothing is
    differentiated through the iteration, and a second derivative would be wrong.

    Args:
        mdp: with a discount.
        cost: c(x, u); low = likely.
        tolerance: of the soft value iteration.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> jnp.exp(soft_policy(mdp, jnp.log(jnp.array([[1.0, 3.0]])))).round(6).tolist()
        [[0.75, 0.25]]
    """
    fixed = jax.lax.stop_gradient(soft_value_iteration(mdp, jax.lax.stop_gradient(cost), tolerance=tolerance))
    moved = jax.nn.logsumexp(soft_backup(mdp, cost, fixed.value), axis=-1) - fixed.value
    matrix = jnp.eye(mdp.num_states) - mdp.discount * chain(mdp, jax.lax.stop_gradient(fixed.log_policy))
    return jax.nn.log_softmax(soft_backup(mdp, cost, fixed.value + jnp.linalg.solve(matrix, moved)), axis=-1)


def check_demonstrated(mdp: TabularMDP, demonstrated: Visitation) -> None:
    """That the MDP is discounted, and the visits are its own.

    Raises:
        ConfigError: the horizon is finite.
        DataError: visits of another shape, negative, or whose sum is not 1 / (1 - gamma).
    """
    if mdp.horizon is not None:
        raise ConfigError(f"expected a discounted MDP, got a horizon of {mdp.horizon}; build it with a discount")
    visits, expected = demonstrated.state_action, (mdp.num_states, mdp.num_actions)
    if visits.shape != expected or not bool(jnp.all(jnp.isfinite(visits) & (visits >= 0))):
        raise DataError(f"expected finite visits >= 0 of shape {expected}, got shape {visits.shape}; make them with empirical_visitation")
    share = float(jnp.sum(visits) * (1.0 - mdp.discount))
    if abs(share - 1.0) > 1e-4:
        raise DataError(f"expected visits that sum to 1 / (1 - discount), got {share:.4g} times that; discount them as the MDP does")

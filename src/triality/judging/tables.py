"""Costs of a finite MDP as plain tables in float64, and the linear algebra of its policies.

A cost c(x, u) is (S, A). One of transitions is (S, A, K) where only transitions count that happen, the last axis running over
``mdp.successors``, or (S, A, S) where the last axis is x' itself: EPIC also asks for transitions that the dynamics rule out.
reward = -cost throughout; J is a cost to go, low = good.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.tabular.mdp import TabularMDP


def branch_probabilities(mdp: TabularMDP) -> Float[np.ndarray, "states actions branches"]:
    """P(x'|x, u) of each branch in float64, rows summing to one whatever the precision that they are kept in."""
    values = np.exp(np.asarray(mdp.log_probabilities, np.float64))
    return values / values.sum(axis=-1, keepdims=True)


def discount_of(mdp: TabularMDP) -> float:
    """gamma as it was given: rounded to seven digits, so that a float32 MDP has 0.9 and not 0.89999998.

    Raises:
        ConfigError: a finite horizon, where a stationary shaping does not cancel.
    """
    if mdp.horizon is not None:
        raise ConfigError(f"expected a discounted MDP, got a horizon of {mdp.horizon}; build it with a discount, or ask for regret")
    return float(np.round(np.float64(mdp.discount), 7))


def by_branch(mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions branches"]:
    """The cost of every transition that happens, (S, A, K), from (S, A) or (S, A, K).

    Raises:
        DataError: another shape, or a value that is not finite.
    """
    values, pairs = np.asarray(cost, np.float64), (mdp.num_states, mdp.num_actions)
    full = (*pairs, mdp.num_branches)
    if values.shape not in (pairs, full):
        raise DataError(f"expected a cost of shape {pairs} or {full}, got {values.shape}; costs of two MDPs cannot be compared")
    if not np.all(np.isfinite(values)):
        raise DataError("expected finite costs, got NaN or infinity; check the cost in every state and action")
    return np.broadcast_to(values[..., None] if values.ndim == 2 else values, full)


def expected_cost(mdp: TabularMDP, cost: ArrayLike) -> Float[np.ndarray, "states actions"]:
    """E[c(x, u, x')] over x': what is left when the cost is redistributed over next states, which changes no return.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0, 1]], [[1, 1]]], [[[0.25, 0.75]], [[1.0, 0.0]]], 0, discount=0.5)
        >>> expected_cost(mdp, [[[4.0, 0.0]], [[1.0, 9.0]]]).tolist()
        [[1.0], [1.0]]
    """
    return np.sum(branch_probabilities(mdp) * by_branch(mdp, cost), axis=-1)


def ahead(mdp: TabularMDP, potential: Float[np.ndarray, " states"]) -> Float[np.ndarray, "states actions"]:
    """E[h(x')] for every state and action."""
    return np.sum(branch_probabilities(mdp) * potential[np.asarray(mdp.successors)], axis=-1)


def next_state_matrix(mdp: TabularMDP) -> Float[np.ndarray, "states actions states"]:
    """P(x'|x, u) with x' itself as the last axis. Dense: for MDPs of some thousand pairs."""
    table = np.zeros((mdp.num_states, mdp.num_actions, mdp.num_states))
    rows = np.indices(mdp.successors.shape)
    np.add.at(table, (rows[0], rows[1], np.asarray(mdp.successors)), branch_probabilities(mdp))
    return table


def policy_chain(mdp: TabularMDP, policy: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, "states next_states"]:
    """P_pi(x'|x) = sum_u pi(u|x) P(x'|x, u)."""
    return np.einsum("xu,xuy->xy", policy, next_state_matrix(mdp))


def shapings(mdp: TabularMDP) -> Float[np.ndarray, "pairs states"]:
    """h(x) - gamma E[h(x')] as (x, u) in rows, for every h of a single state: costs that order no policies.

    Raises:
        ConfigError: a finite horizon.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [0]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> shapings(mdp).tolist()
        [[0.5, 0.0], [1.0, -0.5], [0.0, 0.5], [-0.5, 1.0]]
    """
    table = np.eye(mdp.num_states)[:, None, :] - discount_of(mdp) * next_state_matrix(mdp)
    return table.reshape(-1, mdp.num_states)


def uniform_policy(mdp: TabularMDP) -> Float[np.ndarray, "states actions"]:
    """pi(u|x) = 1 / A."""
    return np.full((mdp.num_states, mdp.num_actions), 1.0 / mdp.num_actions)


def check_policy(mdp: TabularMDP, policy: ArrayLike) -> Float[np.ndarray, "states actions"]:
    """The policy as probabilities pi(u|x) in float64.

    Raises:
        DataError: another shape, or rows that are no probabilities.
    """
    table = np.asarray(policy, np.float64)
    expected = (mdp.num_states, mdp.num_actions)
    if table.shape != expected:
        raise DataError(f"expected a policy of shape {expected}, got {table.shape}; give pi(u|x) for every state")
    if not np.all(np.isfinite(table)) or table.min() < 0 or np.max(np.abs(table.sum(axis=1) - 1.0)) > 1e-6:
        raise DataError("expected rows of probabilities that sum to 1, got others; pass probabilities, not their logarithms")
    return table / table.sum(axis=1, keepdims=True)


def cost_to_go(mdp: TabularMDP, cost: ArrayLike, policy: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, " states"]:
    """J(x) = E_pi[sum_t gamma^t c_t | x_1 = x], solved exactly; V = -J.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0]]], [[[1.0]]], 0, discount=0.75)
        >>> cost_to_go(mdp, [[1.0]], np.ones((1, 1))).tolist()
        [4.0]
    """
    gamma, mean = discount_of(mdp), np.sum(policy * expected_cost(mdp, cost), axis=1)
    chain = policy_chain(mdp, policy)
    return np.linalg.solve(np.eye(mdp.num_states) - gamma * chain, mean)


def occupancy(mdp: TabularMDP, policy: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, "states actions"]:
    """(1 - gamma) sum_t gamma^t P(x_t = x, u_t = u): a coverage that needs no ergodicity; sums to one."""
    gamma, start = discount_of(mdp), np.exp(np.asarray(mdp.log_start, np.float64))
    chain = policy_chain(mdp, policy)
    visits = np.linalg.solve(np.eye(mdp.num_states) - gamma * chain.T, (1.0 - gamma) * start / start.sum())
    return visits[:, None] * policy


def stationary_law(mdp: TabularMDP, policy: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, " states"]:
    """d = P_pi' d, the long-run share of time in each state, where the chain has exactly one such law.

    Raises:
        DataError: the chain has several closed classes, so that the law depends on the start.

    Example:
        >>> mdp = TabularMDP.from_dense([[[0.5, 0.5]], [[0.25, 0.75]]], 0, discount=0.9)
        >>> stationary_law(mdp, np.ones((2, 1))).round(12).tolist()
        [0.333333333333, 0.666666666667]
    """
    chain = policy_chain(mdp, policy)
    _, sizes, rows = np.linalg.svd(chain.T - np.eye(mdp.num_states))
    if int(np.sum(sizes < 1e-10)) != 1:
        raise DataError(
            f"expected a policy with one stationary law, got {int(np.sum(sizes < 1e-10))} closed classes of states; "
            "use the discounted occupancy as coverage, which needs none"
        )
    return np.abs(rows[-1]) / np.sum(np.abs(rows[-1]))

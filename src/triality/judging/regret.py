"""Regret, exactly, on tables: what it costs to optimize the learned cost where the true one is paid.

    regret = (J_true(pi_learned) - J_true(pi_true)) / (J_true(uniform) - J_true(pi_true))

0: as good as optimal; 1: no better than uniformly random actions; above 1: worse. Between pi's that are optimal for a temperature T >= 0,

    J(pi) = E_pi[sum_t gamma^t (c_t + T log pi(u_t|x_t))],

T = 0 being the hard optimum (ties shared equally), T = 1 what MaxEnt learns. A scale of the learned cost changes nothing at T = 0, and
everything at T > 0: it stands against the entropy. The only number here that says what a cost is for, and blind to all but its optimum.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.judging.tables import ahead, cost_to_go, discount_of, expected_cost, uniform_policy
from triality.tabular.mdp import TabularMDP

TIE = 1e-9
"""Difference of Q, as a share of the largest, below which two actions are equally good."""
MOST_ROUNDS = 1000

Policies = Float[np.ndarray, "states actions"] | Float[np.ndarray, "time states actions"]


def regret(mdp: TabularMDP, true: ArrayLike, learned: ArrayLike, temperature: float = 0.0) -> float:
    """Normalized regret; of a discounted MDP, or over a finite horizon.

    Args:
        mdp: dynamics, start law, and discount or horizon.
        true: the cost that is paid, (S, A) or (S, A, K).
        learned: the cost that is optimized.
        temperature: T of both optima and of what is paid.

    Raises:
        ConfigError: a temperature below zero.
        DataError: shapes that do not fit, or a true cost under which random actions are optimal.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [0]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> cost = np.array([[1.0, 3.0], [0.0, 0.5]])
        >>> regret(mdp, cost, 2.0 * cost + 1.0), round(regret(mdp, cost, -cost), 4)
        (0.0, 2.0741)
    """
    return regret_of(mdp, true, optimal_policy(mdp, learned, temperature), temperature)


def regret_of(mdp: TabularMDP, true: ArrayLike, policy: Policies, temperature: float = 0.0) -> float:
    """Normalized regret of any policy, such as the soft optimum of a learned cost where no entropy is paid for.

    Args:
        mdp: as of ``regret``.
        true: the cost that is paid.
        policy: pi(u|x), (S, A), or (T, S, A) over a horizon.
        temperature: T of what is paid, and of the optimum that it is held against.

    Raises:
        ConfigError, DataError: as ``regret``.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], np.ones((1, 2, 1)), 0, discount=0.5)
        >>> regret_of(mdp, [[0.0, 1.0]], np.array([[0.75, 0.25]]))
        0.5
    """
    best = optimal_policy(mdp, true, temperature)
    paid, least, random = (expected_total(mdp, true, each, temperature) for each in (policy, best, uniform_policy(mdp)))
    if random - least <= TIE * max(1.0, abs(least)):
        raise DataError("expected a true cost that some policy can lower, got one under which random actions are optimal; nothing to lose")
    return max(0.0, (paid - least) / (random - least))


def optimal_policy(mdp: TabularMDP, cost: ArrayLike, temperature: float = 0.0) -> Policies:
    """pi(u|x) = exp(-(Q - V) / T), or equal shares of the best actions at T = 0; (S, A), or (T, S, A) over a horizon.

    By policy iteration, which ends exactly at T = 0 and doubles its digits every round above.

    Raises:
        ConfigError: a temperature below zero.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], np.ones((1, 2, 1)), 0, horizon=2)
        >>> optimal_policy(mdp, [[1.0, 2.0]]).tolist()
        [[[1.0, 0.0]], [[1.0, 0.0]]]
    """
    if temperature < 0.0:
        raise ConfigError(f"expected a temperature of at least 0, got {temperature}; 0 is the hard optimum")
    mean = expected_cost(mdp, cost)
    return _stationary(mdp, mean, temperature) if mdp.horizon is None else _backward(mdp, mean, temperature)


def expected_total(mdp: TabularMDP, cost: ArrayLike, policy: Policies, temperature: float = 0.0) -> float:
    """J(pi) from the start law: low = good; minus the return where T = 0."""
    paid, start = _with_entropy(expected_cost(mdp, cost), policy, temperature), np.exp(np.asarray(mdp.log_start, np.float64))
    if mdp.horizon is None:
        return float(start @ cost_to_go(mdp, paid, policy))
    steps = np.broadcast_to(policy, (mdp.num_steps, mdp.num_states, mdp.num_actions))
    paid, value = np.broadcast_to(paid, steps.shape), np.zeros(mdp.num_states)
    for now in reversed(range(mdp.num_steps)):
        value = np.sum(steps[now] * (paid[now] + ahead(mdp, value)), axis=1)
    return float(start @ value)


def _with_entropy(mean: np.ndarray, policy: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 0.0:
        return np.broadcast_to(mean, policy.shape)
    return mean + temperature * np.log(policy, where=policy > 0, out=np.zeros_like(policy))


def _stationary(mdp: TabularMDP, mean: np.ndarray, temperature: float) -> np.ndarray:
    gamma, policy = discount_of(mdp), uniform_policy(mdp)
    for _ in range(MOST_ROUNDS):
        value = cost_to_go(mdp, _with_entropy(mean, policy, temperature), policy)
        better = _greedy(mean + gamma * ahead(mdp, value), temperature)
        if np.max(np.abs(better - policy)) <= 1e-14:
            break
        policy = better
    return policy


def _backward(mdp: TabularMDP, mean: np.ndarray, temperature: float) -> np.ndarray:
    steps, value = [], np.zeros(mdp.num_states)
    for _ in range(mdp.num_steps):
        q_value = mean + ahead(mdp, value)
        steps.append(_greedy(q_value, temperature))
        value = np.sum(steps[-1] * (q_value + _with_entropy(np.zeros_like(mean), steps[-1], temperature)), axis=1)
    return np.stack(steps[::-1])


def _greedy(q_value: Float[np.ndarray, "states actions"], temperature: float) -> Float[np.ndarray, "states actions"]:
    above = q_value - q_value.min(axis=1, keepdims=True)
    tied = above <= TIE * max(1.0, float(np.max(np.abs(q_value))))
    share = np.exp(-above / temperature) if temperature > 0.0 else tied.astype(float)
    return share / share.sum(axis=1, keepdims=True)

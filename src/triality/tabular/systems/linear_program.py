"""Inverse RL as a linear program (Ng and Russell 2000): the reward under which the expert's action is the best by the widest margin.

    maximize    sum_x min_{u != u*(x)} [(P_u* - P_u)(I - gamma P_u*)^-1 R](x)  -  l1 |R|_1
    subject to  (P_u* - P_u)(I - gamma P_u*)^-1 R >= 0  for every u,    |R(x)| <= bound

R is a reward of states, high = good; what is returned as ``cost`` is -R. Every constraint is homogeneous, so R = 0 is feasible whatever the
expert does, and a large ``l1`` makes it the answer: the margin and the penalty pick one of many, they do not identify it.

Reference: A. Y. Ng and S. Russell, Algorithms for inverse reinforcement learning, ICML 2000, sections 3.1 and 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError, DataError
from triality.tabular.demonstrations import Visitation
from triality.tabular.mdp import TabularMDP
from triality.tabular.systems.hard_optimum import hard_optimum
from triality.tabular.visits import StepPolicies


@dataclass(frozen=True)
class LinearProgramConfig:
    """The two numbers of the program.

    Args:
        l1: weight of the sum of absolute rewards, in margin a unit of reward. Beyond some value the answer is zero, and says nothing.
        bound: largest absolute reward: the unit of the answer.
    """

    l1: float = 0.0
    bound: float = 1.0

    def __post_init__(self) -> None:
        if not self.l1 >= 0 or not 0 < self.bound < np.inf:
            raise ConfigError(f"expected l1 >= 0 and a finite bound > 0, got {self}; correct the option")


class LinearProgramResult(NamedTuple):
    """What the program found.

    Fields:
        cost: -R(x), for every action alike.
        log_policy: the best policy of that cost, deterministic; ties go to the first action.
        reward: R(x).
        objective: the program's value: sum of margins minus penalty. Zero: no reward sets the expert's actions apart.
        margin: min over other actions, for each state; zero where another action is as good.
        expert_action: u*(x), as read from the demonstrations.
    """

    cost: Float[Array, "states actions"]
    log_policy: StepPolicies
    reward: Float[Array, " states"]
    objective: float
    margin: Float[Array, " states"]
    expert_action: Int[Array, " states"]


def linear_program_irl(mdp: TabularMDP, demonstrated: Visitation, config: LinearProgramConfig | None = None) -> LinearProgramResult:
    """The reward of widest margin under which the most demonstrated action is optimal in every state.

    Args:
        mdp: discounted.
        demonstrated: visits. The expert's action in a state is the one with most of them, so that a soft expert is read as the
            deterministic one that the method assumes.
        config: penalty and bound.

    Raises:
        ConfigError: the horizon is finite, or scipy is not installed.
        DataError: some state was never visited: the method needs the whole policy.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[0], [1]]], [[[1.0], [1.0]]] * 2, 0, discount=0.5)
        >>> learned = linear_program_irl(mdp, Visitation(jnp.array([[0.0, 1.0], [0.0, 1.0]]), jnp.array([1.0, 0.0])))
        >>> learned.reward.tolist(), round(learned.objective, 6)
        ([-1.0, 1.0], 4.0)
    """
    solve = _linprog()
    config = config or LinearProgramConfig()
    action = expert_actions(mdp, demonstrated)
    gains = advantage_map(mdp, action)
    others = gains[np.arange(mdp.num_actions) != action[:, None]]
    size, state = mdp.num_states, np.repeat(np.arange(mdp.num_states), mdp.num_actions - 1)
    # Unknowns: R, the margin t of each state, and a bound u on |R|. Rows: t <= gain of every other action; gain >= 0; -u <= R <= u.
    eye, none = np.eye(size), np.zeros((len(others), size))
    rows = [np.hstack([-others, eye[state], none]), np.hstack([-others, none, none])]
    rows += [np.hstack([sign * eye, 0 * eye, -eye]) for sign in (1.0, -1.0)]
    weights = np.concatenate([np.zeros(size), -np.ones(size), np.full(size, config.l1)])
    bounds = [(-config.bound, config.bound)] * size + [(None, None)] * size + [(0, None)] * size
    matrix = np.vstack(rows)
    found = solve(weights, A_ub=matrix, b_ub=np.zeros(len(matrix)), bounds=bounds, method="highs-ds")
    if found.status != 0:
        raise DataError(f"expected a program that can be solved, got {found.message!r} from scipy; check the dynamics for rounding")
    reward = jnp.asarray(found.x[:size])
    cost = jnp.broadcast_to(-reward[:, None], (size, mdp.num_actions))
    return LinearProgramResult(
        cost, hard_optimum(mdp, cost), reward, float(-found.fun), jnp.asarray(found.x[size : 2 * size]), jnp.asarray(action)
    )


def expert_actions(mdp: TabularMDP, demonstrated: Visitation) -> Int[np.ndarray, " states"]:
    """The most demonstrated action of each state.

    Raises:
        DataError: some state was never visited.
    """
    visits = np.asarray(demonstrated.state_action)
    missing = np.flatnonzero(visits.sum(axis=1) <= 0)
    if len(missing):
        raise DataError(
            f"expected a visit to each of the {mdp.num_states} states, got none to {len(missing)}, the first of them {missing[0]}; "
            "start the expert everywhere, or use mce_irl, which needs no action where nobody was"
        )
    return np.argmax(visits, axis=1)


def advantage_map(mdp: TabularMDP, action: Int[np.ndarray, " states"]) -> Float[np.ndarray, "states actions states"]:
    """(P_u* - P_u)(I - gamma P_u*)^-1: applied to R, how much worse it is to do u once and then as the expert does, over gamma.

    Raises:
        ConfigError: the horizon is finite, or there is one action only.
    """
    if mdp.horizon is not None or mdp.num_actions < 2:
        raise ConfigError(
            f"expected a discounted MDP of two actions or more, got horizon={mdp.horizon} and {mdp.num_actions}; use a discount"
        )
    size = mdp.num_states
    transitions = np.zeros((size, mdp.num_actions, size))
    index = np.ix_(np.arange(size), np.arange(mdp.num_actions))
    for branch in range(mdp.num_branches):
        np.add.at(transitions, (*index, np.asarray(mdp.successors)[:, :, branch]), np.exp(np.asarray(mdp.log_probabilities))[:, :, branch])
    expert = transitions[np.arange(size), action]
    values = np.linalg.inv(np.eye(size) - float(mdp.discount) * expert)
    return (expert[:, None, :] - transitions) @ values


def _linprog():
    try:
        from scipy.optimize import linprog
    except ImportError as error:
        raise ConfigError('expected the package scipy, got none installed; do pip install "triality[lp]"') from error
    return linprog

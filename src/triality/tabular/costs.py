"""Costs of a tabular MDP: the shapes the exact algorithms take, and the parameterizations that inverse RL learns.

A cost is c(x, u) as (S, A), or c_t(x, u, x') as (T, S, A, K), the last axis running over ``mdp.successors``. Low cost = likely.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import DataError
from triality.tabular.mdp import TabularMDP

StepCosts = Float[Array, "states actions"] | Float[Array, "time states actions branches"]


def check_cost(mdp: TabularMDP, cost: StepCosts) -> StepCosts:
    """The cost as it came, if its shape is (S, A) or (T, S, A, K).

    Raises:
        DataError: any other shape.
    """
    constant = (mdp.num_states, mdp.num_actions)
    full = (mdp.horizon, *constant, mdp.num_branches)
    if cost.shape != constant and cost.shape != full:
        raise DataError(f"expected a cost of shape {constant} or {full}, got {cost.shape}; a cost of states alone is StateCost(mdp)(costs)")
    return cost


def time_slices(mdp: TabularMDP, cost: StepCosts) -> Float[Array, "time states actions slots"]:
    """The cost with a time axis and a successor axis, each of length one where nothing depends on it."""
    cost = check_cost(mdp, cost)
    return cost[None, :, :, None] if cost.ndim == 2 else cost


@runtime_checkable
@runtime_checkable
class CostModel(Protocol):
    """Parameters in, c(x, u) out: what ``maxent_irl`` and ``mce_irl`` learn."""

    def __call__(self, parameters: Float[Array, ...]) -> Float[Array, "states actions"]: ...

    def initial(self) -> Float[Array, ...]:
        """Parameters at which every cost is zero."""
        ...


class StateActionCost(eqx.Module):
    """One parameter for each state and action."""

    mdp: TabularMDP

    def __call__(self, parameters: Float[Array, "states actions"]) -> Float[Array, "states actions"]:
        return parameters

    def initial(self) -> Float[Array, "states actions"]:
        """All zero."""
        return jnp.zeros((self.mdp.num_states, self.mdp.num_actions))


class StateCost(eqx.Module):
    """One parameter for each state: c(x, u) = c(x)."""

    mdp: TabularMDP

    def __call__(self, parameters: Float[Array, " states"]) -> Float[Array, "states actions"]:
        return jnp.broadcast_to(parameters[:, None], (self.mdp.num_states, self.mdp.num_actions))

    def initial(self) -> Float[Array, " states"]:
        """All zero."""
        return jnp.zeros(self.mdp.num_states)


class LinearCost(eqx.Module):
    """c(x, u) = theta . f(x, u): the class of Ziebart et al. (2008), with the sign of a cost.

    Example:
        >>> import jax.numpy as jnp
        >>> LinearCost(jnp.eye(2)[:, None, :])(jnp.array([3.0, 4.0])).tolist()
        [[3.0], [4.0]]
    """

    features: Float[Array, "states actions features"]

    def __call__(self, parameters: Float[Array, " features"]) -> Float[Array, "states actions"]:
        return self.features @ parameters

    def initial(self) -> Float[Array, " features"]:
        """All zero."""
        return jnp.zeros(self.features.shape[-1])

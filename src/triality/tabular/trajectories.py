"""All the trajectories of a small MDP, as an enumerable space: what the dynamic programs are checked against, and samplers too."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError
from triality.tabular.costs import StepCosts
from triality.tabular.enumeration import EnumerableSpace
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies

MAX_TRAJECTORIES = 5_000_000


class TabularTrajectory(NamedTuple):
    """One trajectory by its indices; a batch has a leading axis.

    Fields:
        states: x_1 .. x_{T+1}.
        actions: u_1 .. u_T.
        branches: which of the K successors each step took: ``states[t + 1] == mdp.successors[states[t], actions[t], branches[t]]``.
    """

    states: Int[Array, "*batch time_plus_1"]
    actions: Int[Array, "*batch time"]
    branches: Int[Array, "*batch time"]


class TabularEnergy(eqx.Module):
    """c(tau) = sum_t c_t(x_t, u_t, x_{t+1}) + terminal cost (section 2.3.1), undiscounted: an Energy of one ``TabularTrajectory``."""

    cost: StepCosts
    terminal_cost: Float[Array, " states"] | None = None

    def __call__(self, trajectory: TabularTrajectory) -> Float[Array, ""]:
        states, actions, branches = trajectory
        if self.cost.ndim == 2:
            total = jnp.sum(self.cost[states[:-1], actions])
        else:
            total = jnp.sum(self.cost[jnp.arange(actions.shape[0]), states[:-1], actions, branches])
        return total if self.terminal_cost is None else total + self.terminal_cost[states[-1]]


def step_log_probs(log_policy: StepPolicies, trajectory: TabularTrajectory) -> Float[Array, " time"]:
    """log pi_t(u_t|x_t) of one trajectory, in nats. Their sum is log q(tau), a density with respect to start law and dynamics."""
    states, actions, _ = trajectory
    num_steps = actions.shape[0]
    steps = jnp.broadcast_to(log_policy, (num_steps, *log_policy.shape[-2:]))
    return steps[jnp.arange(num_steps), states[:-1], actions]


@eqx.filter_jit
def policy_log_prob(log_policy: StepPolicies, trajectories: TabularTrajectory) -> Float[Array, " n"]:
    """log q(tau) = sum_t log pi_t(u_t|x_t) of every trajectory of a batch, in nats (D8 without what cancels)."""
    return jnp.sum(jax.vmap(lambda one: step_log_probs(log_policy, one))(trajectories), axis=-1)


def enumerate_trajectories(mdp: TabularMDP) -> EnumerableSpace:
    """Every (start, actions, successors) path of positive probability; ``log_base`` = log rho(x_1) + sum_t log P(x_{t+1}|x_t, u_t).

    Raises:
        ConfigError: the horizon is infinite, or there are more than ``MAX_TRAJECTORIES`` paths.

    Example:
        >>> import jax.numpy as jnp
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=3)
        >>> space = enumerate_trajectories(mdp)
        >>> space.points.actions.shape, float(space.log_z(TabularEnergy(jnp.zeros((1, 2)))).__round__(4))
        ((8, 3), 2.0794)
    """
    successors = np.asarray(mdp.successors)
    log_probabilities = np.asarray(mdp.log_probabilities)
    log_start = np.asarray(mdp.log_start)
    begin = np.flatnonzero(log_start > -np.inf)
    paths = _Paths(begin[:, None], np.zeros((len(begin), 0), int), np.zeros((len(begin), 0), int), log_start[begin])
    for _ in range(mdp.num_steps):
        paths = _extend(paths, successors, log_probabilities)
    points = TabularTrajectory(*(jnp.asarray(part, dtype=jnp.int32) for part in paths[:3]))
    return EnumerableSpace(points, jnp.asarray(paths.log_base))


class _Paths(NamedTuple):
    states: np.ndarray
    actions: np.ndarray
    branches: np.ndarray
    log_base: np.ndarray


def _extend(paths: _Paths, successors: np.ndarray, log_probabilities: np.ndarray) -> _Paths:
    """Every path, one step longer, in every way that has positive probability."""
    last = paths.states[:, -1]
    path, action, branch = np.nonzero(log_probabilities[last] > -np.inf)
    if len(path) > MAX_TRAJECTORIES:
        raise ConfigError(f"expected at most {MAX_TRAJECTORIES} trajectories, got over {len(path)}; use noncausal_solution")
    state = last[path]
    return _Paths(
        np.column_stack([paths.states[path], successors[state, action, branch]]),
        np.column_stack([paths.actions[path], action]),
        np.column_stack([paths.branches[path], branch]),
        paths.log_base[path] + log_probabilities[state, action, branch],
    )

"""Tabular demonstrations: drawn from a policy, and reduced to the visits that are all MaxEnt inverse RL ever needs of them."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from numpy.typing import ArrayLike

from triality.errors import DataError
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies


class TabularDemonstrations(NamedTuple):
    """N padded trajectories of indices.

    Fields:
        states: x_1 .. x_{T+1}; whatever stands beyond a trajectory's own end is ignored.
        actions: u_1 .. u_T.
        lengths: number of actions of each trajectory.
    """

    states: Int[Array, "n time_plus_1"]
    actions: Int[Array, "n time"]
    lengths: Int[Array, " n"]


class Visitation(NamedTuple):
    """What the demonstrations did, on average over trajectories.

    Fields:
        state_action: expected number of visits to each state and action in one trajectory, discounted by gamma^t where the MDP is.
        start: empirical law of the start state.
    """

    state_action: Float[Array, "states actions"]
    start: Float[Array, " states"]


@eqx.filter_jit
def sample_demonstrations(
    key: Key[Array, ""], mdp: TabularMDP, log_policy: StepPolicies, num_trajectories: int, num_steps: int | None = None
) -> TabularDemonstrations:
    """Trajectories of a policy, stationary (S, A) or time-dependent (T, S, A), from the MDP's start law.

    Args:
        key: randomness of starts, actions and dynamics.
        mdp: where to act.
        log_policy: log pi(u|x), in nats.
        num_trajectories: N.
        num_steps: length of every trajectory; the horizon by default.

    Raises:
        ConfigError: no ``num_steps``, and an infinite horizon.
    """
    num_steps = mdp.num_steps if num_steps is None else num_steps
    steps = jnp.broadcast_to(log_policy, (num_steps, mdp.num_states, mdp.num_actions))
    key_start, key_steps = jax.random.split(key)
    first = jax.random.categorical(key_start, mdp.log_start, shape=(num_trajectories,))

    def step(state, inputs):
        log_policy_t, key = inputs
        key_action, key_dynamics = jax.random.split(key)
        action = jax.random.categorical(key_action, log_policy_t[state])
        branch = jax.random.categorical(key_dynamics, mdp.log_probabilities[state, action])
        return mdp.successors[state, action, branch], (state, action)

    last, (states, actions) = jax.lax.scan(step, first.astype(mdp.successors.dtype), (steps, jax.random.split(key_steps, num_steps)))
    states = jnp.concatenate([states, last[None]]).T
    return TabularDemonstrations(states, actions.T, jnp.full(num_trajectories, num_steps))


def empirical_visitation(mdp: TabularMDP, demonstrations: TabularDemonstrations, weights: ArrayLike | None = None) -> Visitation:
    """Average visits and start law of the demonstrations.

    In a discounted MDP a demonstration that stops after L steps has seen 1 - gamma^L of the total weight 1 / (1 - gamma) that the model
    has; its visits are scaled up to that total, as if what follows looked like what was seen. Without this the cost would drift without
    bound.

    Args:
        mdp: where the demonstrations were made.
        demonstrations: indices, padded.
        weights: how much each trajectory counts; equal by default.

    Raises:
        DataError: nothing in it, an index or a length out of range, a transition that the MDP rules out, or lengths other than the horizon.
    """
    states, actions, lengths = (np.asarray(part) for part in demonstrations)
    _check_shapes(states, actions, lengths)
    used = np.arange(actions.shape[1]) < lengths[:, None]
    _check_indices(mdp, states, actions, used)
    if mdp.horizon is not None and np.any(lengths != mdp.horizon):
        raise DataError(
            f"expected demonstrations of the horizon's {mdp.horizon} actions, got lengths {lengths.min()} .. {lengths.max()}; "
            "extend the short ones in an absorbing state, or use a discounted MDP"
        )
    share = _shares(weights, len(lengths))
    discount = float(mdp.discount)
    per_step = np.where(used, discount ** np.arange(actions.shape[1]), 0.0)
    if mdp.horizon is None:
        per_step = per_step / (per_step.sum(axis=1, keepdims=True) * (1.0 - discount))
    visits = np.zeros((mdp.num_states, mdp.num_actions))
    np.add.at(visits, (states[:, :-1][used], actions[used]), (share[:, None] * per_step)[used])
    start = np.bincount(states[:, 0], weights=share, minlength=mdp.num_states)
    return Visitation(jnp.asarray(visits, dtype=float), jnp.asarray(start, dtype=float))


def _check_shapes(states: np.ndarray, actions: np.ndarray, lengths: np.ndarray) -> None:
    if (
        actions.ndim != 2
        or 0 in actions.shape
        or states.shape != (actions.shape[0], actions.shape[1] + 1)
        or lengths.shape != actions.shape[:1]
    ):
        raise DataError(
            f"expected states (N, T + 1), actions (N, T) and lengths (N,) with N, T >= 1, got {states.shape}, {actions.shape} and "
            f"{lengths.shape}; pad the trajectories to one length"
        )
    if lengths.min() < 1 or lengths.max() > actions.shape[1]:
        raise DataError(f"expected lengths in 1 .. {actions.shape[1]}, got {lengths.min()} .. {lengths.max()}; drop empty trajectories")


def _check_indices(mdp: TabularMDP, states: np.ndarray, actions: np.ndarray, used: np.ndarray) -> None:
    now, action, after = states[:, :-1][used], actions[used], states[:, 1:][used]
    for name, values, count in (("state", now, mdp.num_states), ("state", after, mdp.num_states), ("action", action, mdp.num_actions)):
        if values.min() < 0 or values.max() >= count:
            raise DataError(f"expected {name} indices in 0 .. {count - 1}, got {values.min()} .. {values.max()}; check the indexing")
    reachable = (np.asarray(mdp.successors)[now, action] == after[:, None]) & np.isfinite(np.asarray(mdp.log_probabilities)[now, action])
    impossible = np.flatnonzero(~reachable.any(axis=1))
    if len(impossible):
        first = impossible[0]
        raise DataError(
            f"expected transitions that the MDP allows, got {len(impossible)} that it rules out, the first from state {now[first]} by "
            f"action {action[first]} to state {after[first]}; check that the demonstrations come from this MDP"
        )


def _shares(weights: ArrayLike | None, count: int) -> np.ndarray:
    values = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if values.shape != (count,) or not np.all(np.isfinite(values)) or values.min() < 0 or values.sum() == 0:
        raise DataError(f"expected {count} finite weights >= 0 with a positive sum, got shape {values.shape}; give one weight a trajectory")
    return values / values.sum()

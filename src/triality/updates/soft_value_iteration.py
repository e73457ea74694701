"""The exact improvement of q where the space is finite: solve the soft Bellman equation for the cost at hand, and act by its solution.

    Q(x, u) = -c(x, u) + gamma E[V(x')],   V = logsumexp_u Q,   pi = exp(Q - V)

All the way to the optimum at every update, on the dynamics' own tables; roll-outs only serve the cost. gamma belongs to this update, not to
the model of trajectories: with gamma near 1 and horizons beyond 1/(1 - gamma) the two differ little.

Reference: Ziebart 2010 (maximum causal entropy).
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.scaling import Scaling
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_value_iteration
from triality.trajectory import Trajectory, TransitionCost


class SoftValueMetrics(NamedTuple):
    """Never needed next.

    Fields:
        entropy: mean entropy of the new policy over the batch's real steps, nats a step.
        residual: of the soft Bellman equation, nats.
        num_sweeps: backups it took.
    """

    entropy: Float[Array, ""]
    residual: Float[Array, ""]
    num_sweeps: Int[Array, ""]


class SoftValueIteration(eqx.Module):
    """Soft value iteration to the optimum, warm-started at the last solution.

    Args:
        mdp: the environment's tables, with a discount; its states are what one-hot observations index.
        tolerance: of the residual, nats.
    """

    mdp: TabularMDP
    tolerance: float = eqx.field(default=1e-6, static=True)

    def init(self, key: Key[Array, ""], policy: OneHotTabularPolicy, scaling: Scaling) -> Float[Array, " states"]:
        """The value zero. ``policy`` must be a table over the same states."""
        del key, scaling
        return jnp.zeros(policy.logits.shape[0])

    def update(
        self, key: Key[Array, ""], policy: OneHotTabularPolicy, state: Float[Array, " states"], batch: Trajectory, cost: TransitionCost
    ) -> tuple[OneHotTabularPolicy, Float[Array, " states"], SoftValueMetrics]:
        """The soft-optimal policy of ``cost``, in the mean over the next state."""
        del key
        observations, actions = jnp.eye(self.mdp.num_states), jnp.arange(self.mdp.num_actions)

        def expected(state: Int[Array, ""], action: Int[Array, ""]) -> Float[Array, ""]:
            after = observations[self.mdp.successors[state, action]]
            costs = jax.vmap(lambda x: cost(observations[state], action, x))(after)
            return jnp.sum(jnp.exp(self.mdp.log_probabilities[state, action]) * costs)

        table = jax.vmap(lambda x: jax.vmap(lambda u: expected(x, u))(actions))(jnp.arange(self.mdp.num_states))
        solution = soft_value_iteration(self.mdp, table, state, self.tolerance)
        log_policy = solution.log_policy
        entropy = -jnp.sum(jnp.exp(log_policy) * log_policy, axis=-1)
        visited = jnp.sum(jnp.where(batch.mask[..., None], batch.observation[:, :-1], 0.0), axis=(0, 1))
        metrics = SoftValueMetrics(visited @ entropy / jnp.sum(visited), solution.residual, solution.num_sweeps)
        return OneHotTabularPolicy(log_policy), solution.value, metrics

"""The fusion of past samplers along a run (footnote 3, D12): a ring buffer of policies, their roll-outs, and who gives which density.

Row k, column j of ``log_probs`` holds log pi_k at every step of the roll-outs of policy j. An iteration adds one row and one column; old
roll-outs are never re-labeled with the newest policy's density (pitfall 13), and the oldest slot is the one that is overwritten.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from triality.devices.placement import spread
from triality.partition.fusion import fused_log_density
from triality.samplers.mixture import put, stack
from triality.trajectory import Policy, Trajectory, action_log_probs


class PastSamplers(NamedTuple):
    """K policies and what they drew; K = 1 is the current policy alone.

    Fields:
        policies: a policy whose array leaves have a leading axis of K.
        batch: the compared roll-outs, leading axes (K, n).
        log_probs: log pi_k(u|x) at roll-outs j, leading axes (k, j, n, time); kept a step, so that per-decision weights can be formed.
        data_log_probs: log pi_k(u|x) at the demonstrations, leading axes (k, num_data, time).
        num_seen: samplers put in so far; slot num_seen mod K is written next.
    """

    policies: PyTree
    batch: Trajectory
    log_probs: Float[Array, "capacity capacity n time"]
    data_log_probs: Float[Array, "capacity num_data time"]
    num_seen: Int[Array, ""]

    @property
    def log_weight(self) -> Float[Array, " capacity"]:
        """0 for a slot in use, -inf for an empty one: every sampler in the buffer drew equally many."""
        return jnp.where(jnp.arange(self.log_probs.shape[0]) < self.num_seen, 0.0, -jnp.inf)


def empty(capacity: int, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
    """A buffer of ``capacity`` empty slots, shaped like ``policy`` and ``batch``."""
    log_probs = jnp.zeros((capacity, capacity, *batch.log_prob.shape), batch.log_prob.dtype)
    data_log_probs = jnp.zeros((capacity, *data.mask.shape), batch.log_prob.dtype)
    return PastSamplers(stack(policy, capacity), stack(batch, capacity), log_probs, data_log_probs, jnp.zeros((), jnp.int32))


def add(past: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
    """The buffer with the newest policy and its roll-outs in place of the oldest."""
    slot, batch, data = past.num_seen % past.log_probs.shape[0], spread(batch), spread(data)
    policies, batches = put(past.policies, slot, policy), spread(put(past.batch, slot, batch), axis=1)
    column = eqx.filter_vmap(lambda each: jax.vmap(lambda one: action_log_probs(each, one))(batch))(policies)
    row = jax.vmap(jax.vmap(lambda one: action_log_probs(policy, one)))(batches)
    # The newest policy's own densities come from the draw itself, never from inverting the squash.
    column = column.at[slot].set(batch.log_prob)
    log_probs = past.log_probs.at[slot].set(row).at[:, slot].set(column)
    on_data = jax.vmap(lambda one: action_log_probs(policy, one))(data)
    return PastSamplers(policies, batches, log_probs, past.data_log_probs.at[slot].set(on_data), past.num_seen + 1)


def fused_trajectories(past: PastSamplers) -> tuple[Float[Array, " n_all"], Float[Array, " num_data"]]:
    """log m(tau) = logsumexp_k log (n_k/N) + log q_k(tau) at every roll-out (flattened over slots) and at every demonstration, in nats."""
    capacity = past.log_probs.shape[0]
    on_drawn = jnp.sum(past.log_probs, axis=-1).reshape(capacity, -1)
    on_data = jnp.sum(past.data_log_probs, axis=-1)
    return fused_log_density(on_drawn, past.log_weight), fused_log_density(on_data, past.log_weight)


def fused_decisions(past: PastSamplers) -> Float[Array, "n_all time"]:
    """log m(u_t | tau_{1:t-1}, x_t) of every step of every roll-out (slots flattened), zero on padding, in nats: the mixture, step by step.

    m(tau_{1:t}) = sum_k w_k prod_{s<=t} pi_k is the density of a prefix under the fusion, and no product of mixtures: whoever acted until
    now is likely to act on. Its factors are

        log m(u_t | tau_{1:t-1}, x_t) = logsumexp_k log w_k(tau_{1:t-1}) + log pi_k(u_t|x_t),    w_k(tau_{1:t}) ~ w_k prod_{s<=t} pi_k,

    so that their running sum is log m(tau_{1:t}), and the whole sum is that of ``fused_trajectories``. One policy gives its own log pi.
    """
    capacity, horizon = past.log_probs.shape[0], past.log_probs.shape[-1]
    log_pi = past.log_probs.reshape(capacity, -1, horizon)
    before = jnp.cumsum(log_pi, axis=-1) - log_pi
    empty = jnp.isneginf(past.log_weight)[:, None, None]
    log_share = jax.nn.log_softmax(jnp.where(empty, -jnp.inf, before + past.log_weight[:, None, None]), axis=0)
    fused = jax.nn.logsumexp(jnp.where(empty, -jnp.inf, log_share + log_pi), axis=0)
    return jnp.where(past.batch.mask.reshape(-1, horizon), fused, 0.0)


def fused_steps(past: PastSamplers) -> tuple[Float[Array, "n_all time"], Float[Array, "num_data time"]]:
    """log m(u|x) = logsumexp_k log w_k + log pi_k(u|x) at every step of every roll-out (slots flattened) and demonstration, in nats.

    w_k is the share of the real steps that policy k drew. What this is a density of where policies visit states unequally: ``steps``.
    """
    capacity, horizon = past.log_probs.shape[0], past.log_probs.shape[-1]
    log_counts = jnp.log(jnp.sum(past.batch.mask, axis=(1, 2), dtype=past.log_probs.dtype)) + past.log_weight
    on_drawn = fused_log_density(past.log_probs.reshape(capacity, -1), log_counts)
    on_data = fused_log_density(past.data_log_probs.reshape(capacity, -1), log_counts)
    return on_drawn.reshape(-1, horizon), on_data.reshape(-1, horizon)

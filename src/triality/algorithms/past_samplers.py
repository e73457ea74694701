"""The fusion of past samplers along a run (footnote 3, D12): a ring buffer of policies, their roll-outs, and who gives which density.

Row k, column j of ``log_probs`` holds log pi_k at every step of the roll-outs of iteration j. An iteration adds one row and one column; old
roll-outs are never re-labeled with the newest policy's density (pitfall 13), and the oldest slot is the one that is overwritten.

Usually iteration j draws by policy j alone. Roll-outs that come late (``triality.remote``) say which policy drew each of them; then more
policies are kept than iterations, and a policy counts by the roll-outs that it drew, wherever they stand.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from triality.devices.placement import spread
from triality.errors import ConfigError
from triality.partition.fusion import fused_log_density
from triality.samplers.mixture import put, stack
from triality.trajectory import Policy, Trajectory, action_log_probs


class PastSamplers(NamedTuple):
    """The roll-outs of the last K iterations and the policies that drew them; K = 1 is the current iteration alone.

    Fields:
        policies: a policy whose array leaves have a leading axis of P: K, and as many more as roll-outs may be iterations late.
        batch: the compared roll-outs, leading axes (K, n).
        log_probs: log pi_k(u|x) at roll-outs j, leading axes (k, j, n, time); kept a step, so that per-decision weights can be formed.
        data_log_probs: log pi_k(u|x) at the demonstrations, leading axes (k, num_data, time).
        num_seen: iterations put in so far; slots num_seen mod P and num_seen mod K are written next.
    """

    policies: PyTree
    batch: Trajectory
    log_probs: Float[Array, "policies capacity n time"]
    data_log_probs: Float[Array, "policies num_data time"]
    num_seen: Int[Array, ""]

    @property
    def log_weight(self) -> Float[Array, " capacity"]:
        """0 for an iteration's slot in use, -inf for an empty one: every iteration in the buffer drew equally many."""
        return jnp.where(jnp.arange(self.log_probs.shape[1]) < self.num_seen, 0.0, -jnp.inf)

    def log_counts(self, of_each: Float[Array, "capacity n"]) -> Float[Array, " policies"]:
        """log of what the roll-outs of each policy add up to, -inf for a policy that drew none."""
        if self.batch.policy is None:
            return jnp.log(jnp.sum(of_each, axis=1)) + self.log_weight
        used = of_each * jnp.exp(self.log_weight)[:, None]
        slot = self.batch.policy % self.log_probs.shape[0]
        return jnp.log(jnp.zeros(self.log_probs.shape[0], of_each.dtype).at[slot].add(used))

    @property
    def log_shares(self) -> Float[Array, " policies"]:
        """log of how many roll-outs each policy drew, up to a constant: the weights of the mixture that all of them are a sample of."""
        return self.log_weight if self.batch.policy is None else self.log_counts(jnp.ones(self.batch.mask.shape[:2], self.log_probs.dtype))


def empty(capacity: int, policy: Policy, batch: Trajectory, data: Trajectory, max_staleness: int = 0) -> PastSamplers:
    """A buffer of ``capacity`` empty slots, shaped like ``policy`` and ``batch``; roll-outs may be ``max_staleness`` iterations late."""
    num_policies = capacity + max_staleness
    batch = batch._replace(policy=jnp.zeros(batch.start.shape, int) if max_staleness else None)
    log_probs = jnp.zeros((num_policies, capacity, *batch.log_prob.shape), batch.log_prob.dtype)
    data_log_probs = jnp.zeros((num_policies, *data.mask.shape), batch.log_prob.dtype)
    return PastSamplers(stack(policy, num_policies), stack(batch, capacity), log_probs, data_log_probs, jnp.zeros((), jnp.int32))


def add(past: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
    """The buffer with the newest policy and this iteration's roll-outs in place of the oldest.

    A roll-out that says of a policy that it is older than those kept, or not made yet, has a density that nobody knows: NaN.
    """
    num_policies, capacity = past.log_probs.shape[:2]
    newest, slot = past.num_seen % num_policies, past.num_seen % capacity
    batch = batch._replace(policy=_drawn_by(past, batch))
    policies, batches = put(past.policies, newest, policy), put(past.batch, slot, batch)
    batch, data = spread(batch), spread(data)
    # Slot by slot: what a policy needs on the way to its densities is many times as large as they are.
    arrays, fixed = eqx.partition(policies, eqx.is_array)
    column = jax.lax.map(lambda each: _on_roll_outs(eqx.combine(each, fixed), batch), arrays)
    row = jax.lax.map(lambda drawn: _on_roll_outs(policy, drawn), spread(batches, axis=1))
    # A policy's own densities come from the draw itself, never from inverting the squash.
    if batch.policy is None:
        column = column.at[newest].set(batch.log_prob)
    else:
        column = column.at[batch.policy % num_policies, jnp.arange(batch.policy.shape[0])].set(batch.log_prob)
        age = past.num_seen - batch.policy
        column = jnp.where(((age >= 0) & (age < num_policies))[None, :, None], column, jnp.nan)
    log_probs = past.log_probs.at[newest].set(row).at[:, slot].set(column)
    on_data = _on_roll_outs(policy, data)
    return PastSamplers(policies, batches, log_probs, past.data_log_probs.at[newest].set(on_data), past.num_seen + 1)


def refuse_several(batch: Trajectory) -> None:
    """Nothing, where the policy of the moment drew the batch.

    Raises:
        ConfigError: roll-outs say whose they are, so that they may be of other policies.
    """
    if batch.policy is not None:
        raise ConfigError("expected roll-outs of the policy of the moment, got some that name theirs; give the level their max_staleness")


def _drawn_by(past: PastSamplers, batch: Trajectory) -> Int[Array, " n"] | None:
    """Where the buffer knows of several policies, and nothing is said, the newest drew the batch.

    Raises:
        ConfigError: the batch is of several policies, and the buffer is of one an iteration.
    """
    if past.batch.policy is None:
        refuse_several(batch)
        return None
    if batch.policy is not None:
        return batch.policy
    return jnp.full(batch.start.shape, past.num_seen, past.batch.policy.dtype)


def _on_roll_outs(policy: Policy, batch: Trajectory) -> Float[Array, "n time"]:
    return jax.vmap(lambda one: action_log_probs(policy, one))(batch)


def fused_trajectories(past: PastSamplers) -> tuple[Float[Array, " n_all"], Float[Array, " num_data"]]:
    """log m(tau) = logsumexp_k log (n_k/N) + log q_k(tau) at every roll-out (flattened over slots) and at every demonstration, in nats."""
    on_drawn = jnp.sum(past.log_probs, axis=-1).reshape(past.log_probs.shape[0], -1)
    on_data = jnp.sum(past.data_log_probs, axis=-1)
    return fused_log_density(on_drawn, past.log_shares), fused_log_density(on_data, past.log_shares)


def fused_decisions(past: PastSamplers) -> Float[Array, "n_all time"]:
    """log m(u_t | tau_{1:t-1}, x_t) of every step of every roll-out (slots flattened), zero on padding, in nats: the mixture, step by step.

    m(tau_{1:t}) = sum_k w_k prod_{s<=t} pi_k is the density of a prefix under the fusion, and no product of mixtures: whoever acted until
    now is likely to act on. Its factors are

        log m(u_t | tau_{1:t-1}, x_t) = logsumexp_k log w_k(tau_{1:t-1}) + log pi_k(u_t|x_t),    w_k(tau_{1:t}) ~ w_k prod_{s<=t} pi_k,

    so that their running sum is log m(tau_{1:t}), and the whole sum is that of ``fused_trajectories``. One policy gives its own log pi.
    """
    num_policies, horizon = past.log_probs.shape[0], past.log_probs.shape[-1]
    log_pi, log_shares = past.log_probs.reshape(num_policies, -1, horizon), past.log_shares[:, None, None]
    before = jnp.cumsum(log_pi, axis=-1) - log_pi
    empty = jnp.isneginf(log_shares)
    log_share = jax.nn.log_softmax(jnp.where(empty, -jnp.inf, before + log_shares), axis=0)
    fused = jax.nn.logsumexp(jnp.where(empty, -jnp.inf, log_share + log_pi), axis=0)
    return jnp.where(past.batch.mask.reshape(-1, horizon), fused, 0.0)


def fused_steps(past: PastSamplers) -> tuple[Float[Array, "n_all time"], Float[Array, "num_data time"]]:
    """log m(u|x) = logsumexp_k log w_k + log pi_k(u|x) at every step of every roll-out (slots flattened) and demonstration, in nats.

    w_k is the share of the real steps that policy k drew. What this is a density of where policies visit states unequally: ``steps``.
    """
    num_policies, horizon = past.log_probs.shape[0], past.log_probs.shape[-1]
    log_counts = past.log_counts(jnp.sum(past.batch.mask, axis=2, dtype=past.log_probs.dtype))
    on_drawn = fused_log_density(past.log_probs.reshape(num_policies, -1), log_counts)
    on_data = fused_log_density(past.data_log_probs.reshape(num_policies, -1), log_counts)
    return on_drawn.reshape(-1, horizon), on_data.reshape(-1, horizon)

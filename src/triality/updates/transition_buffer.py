"""Transitions of past roll-outs in a ring of fixed size: what an off-policy update learns from.

No reward and no density is kept. A learned cost moves, so whoever draws a transition asks the cost of that moment what it costs; and who
drew an action does not matter to a Bellman equation, which averages over the policy of that moment. The densities that the cost is learned
with are another matter and live elsewhere, fused over those who drew (``algorithms.past_samplers``).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from triality.devices.placement import spread, whole
from triality.specs import EnvironmentSpec
from triality.trajectory import Trajectory


class Transition(NamedTuple):
    """(x, u, x') and whether the environment ended there; x' after an end stands for nothing. A time limit is no end."""

    observation: Float[Array, "*n obs"]
    action: Float[Array, "*n act"] | Int[Array, "*n"]
    after: Float[Array, "*n obs"]
    terminated: Bool[Array, "*n"]


class TransitionBuffer(NamedTuple):
    """A ring of transitions, a pytree of fixed shapes.

    Fields:
        kept: all slots, leading axis capacity; zeros where nothing has been put yet.
        num_kept: slots in use; they come first.
        next_slot: the one that is written next, the oldest once all are in use.
    """

    kept: Transition
    num_kept: Int[Array, ""]
    next_slot: Int[Array, ""]

    @property
    def capacity(self) -> int:
        """How many transitions it can hold."""
        return self.kept.terminated.shape[0]


def empty_buffer(capacity: int, spec: EnvironmentSpec) -> TransitionBuffer:
    """A buffer of ``capacity`` empty slots for the observations and actions of ``spec``."""
    observation, zero = jnp.zeros((capacity, spec.observation_size)), jnp.zeros((), jnp.int32)
    action = jnp.zeros(capacity, int) if spec.is_discrete else jnp.zeros((capacity, spec.action_size))
    return TransitionBuffer(Transition(observation, action, observation, jnp.zeros(capacity, bool)), zero, zero)


def put_in(buffer: TransitionBuffer, batch: Trajectory) -> TransitionBuffer:
    """The buffer with the real steps of a batch in it, in place of the oldest; of more than it can hold, the last ones.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> from triality.policies.gaussian import squashed_gaussian_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.trajectory import rollout
        >>> env = Pendulum()
        >>> policy = squashed_gaussian_policy(jax.random.key(0), env.spec, identity_scaling(3))
        >>> batch = jax.vmap(lambda key: rollout(key, env, policy, 5))(jax.random.split(jax.random.key(1), 2))
        >>> buffer = put_in(put_in(empty_buffer(16, env.spec), batch), batch)
        >>> int(buffer.num_kept), int(buffer.next_slot)
        (16, 4)
    """
    given = (batch.observation[:, :-1], batch.action, batch.observation[:, 1:], batch.terminated)
    steps = whole(Transition(*(leaf.reshape((-1, *leaf.shape[2:])) for leaf in given)))
    real = whole(batch.mask.reshape(-1))
    place = jnp.cumsum(real, dtype=jnp.int32) - 1
    num = place[-1] + 1
    # Two steps of one batch never go to one slot: what would be overwritten at once is left out, as padding is, beyond the last slot.
    stays = real & (place >= num - buffer.capacity)
    slot = jnp.where(stays, (buffer.next_slot + place) % buffer.capacity, buffer.capacity)
    kept = jax.tree.map(lambda old, new: old.at[slot].set(new.astype(old.dtype), mode="drop"), buffer.kept, steps)
    return TransitionBuffer(kept, jnp.minimum(buffer.num_kept + num, buffer.capacity), (buffer.next_slot + num) % buffer.capacity)


def draw(key: Key[Array, ""], buffer: TransitionBuffer, num: int) -> Transition:
    """``num`` transitions, uniformly with replacement from the slots in use; there has to be one."""
    index = spread(jax.random.randint(key, (num,), 0, jnp.maximum(buffer.num_kept, 1)))
    return spread(jax.tree.map(lambda leaf: leaf[index], buffer.kept))

"""Where roll-outs begin, and which of them are compared with the demonstrations (X11)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from triality.devices.placement import spread, whole
from triality.envs.environment import AbstractEnvironment
from triality.trajectory import Policy, Trajectory, rollout


@runtime_checkable
class Starts(Protocol):
    """``collect`` draws the batch of an iteration; ``compared`` is the part of it that meets the demonstrations."""

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory: ...

    def compared(self, batch: Trajectory, data: Trajectory) -> Trajectory: ...


class FreeStarts(eqx.Module):
    """Every roll-out begins at the environment's start law, and all are compared.

    Args:
        num_rollouts: roll-outs an iteration.

    Example:
        >>> from triality.envs.gridworld import gridworld
        >>> from triality.policies.categorical import one_hot_tabular_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> env = gridworld(("S.", ".G"))
        >>> policy = one_hot_tabular_policy(jax.random.key(0), env.spec, identity_scaling(4))
        >>> draw = jax.jit(jax.vmap(lambda key: rollout(key, env, policy, 5)))
        >>> data = draw(jax.random.split(jax.random.key(1), 2))
        >>> FreeStarts(num_rollouts=3).collect(jax.random.key(2), env, policy, data).action.shape
        (3, 5)
    """

    num_rollouts: int = eqx.field(default=96, static=True)

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory:
        return _free(key, env, policy, data.mask.shape[1], self.num_rollouts)

    def compared(self, batch: Trajectory, data: Trajectory) -> Trajectory:
        del data
        return batch


class MatchedStarts(eqx.Module):
    """Roll-outs that begin where the demonstrations begin, and some that begin freely.

    The free ones only improve and monitor the policy, so that it learns to act from every start; they are compared with nothing. Needs an
    environment whose observation determines its state.

    Args:
        num_matched: about how many matched roll-outs an iteration: rounded up to equal shares, at least two for each demonstration.
        num_free: free roll-outs an iteration; they carry start index -1.

    Example:
        >>> from triality.envs.gridworld import gridworld
        >>> from triality.policies.categorical import one_hot_tabular_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> env = gridworld(("S.", ".G"))
        >>> policy = one_hot_tabular_policy(jax.random.key(0), env.spec, identity_scaling(4))
        >>> draw = jax.jit(jax.vmap(lambda key: rollout(key, env, policy, 5)))
        >>> data = draw(jax.random.split(jax.random.key(1), 2))
        >>> starts = MatchedStarts(num_matched=3, num_free=1)
        >>> batch = starts.collect(jax.random.key(2), env, policy, data)
        >>> batch.start.tolist(), starts.compared(batch, data).start.tolist()
        ([0, 0, 1, 1, -1], [0, 0, 1, 1])
    """

    num_matched: int = eqx.field(default=64, static=True)
    num_free: int = eqx.field(default=32, static=True)

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory:
        """Matched roll-outs first, ordered by start; then the free ones."""
        num_data, horizon = data.mask.shape
        share = self._share(num_data)
        starts = jax.vmap(env.state_from_observation)(data.observation[:, 0])
        starts = jax.tree.map(lambda leaf: jnp.repeat(leaf, share, axis=0), starts)
        key_matched, key_free = jax.random.split(key)
        keys = jax.random.split(key_matched, share * num_data)
        index = jnp.repeat(jnp.arange(num_data), share)
        matched = whole(jax.vmap(lambda k, state, i: rollout(k, env, policy, horizon, state, i))(*spread((keys, starts, index))))
        free = _free(key_free, env, policy, horizon, self.num_free, start=-1)
        return whole(jax.tree.map(lambda a, b: jnp.concatenate([a, b]), matched, free))

    def compared(self, batch: Trajectory, data: Trajectory) -> Trajectory:
        num_data = data.start.shape[0]
        return jax.tree.map(lambda leaf: leaf[: self._share(num_data) * num_data], batch)

    def _share(self, num_data: int) -> int:
        """Matched roll-outs of one start."""
        return max(2, -(-self.num_matched // num_data))


def _free(key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, horizon: int, num_rollouts: int, start: int = 0) -> Trajectory:
    """Drawn by all devices, each some, and gathered at once: memory and minibatches need them whole."""
    keys = spread(jax.random.split(key, num_rollouts))
    return whole(jax.vmap(lambda k: rollout(k, env, policy, horizon, start=start))(keys))

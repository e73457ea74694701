"""A policy for a reward that simulators on the host give: an expert to record demonstrations of.

    repeat: roll-outs by a collector;   PPO on their rewards, entropy weighed by its temperature;   the scaling follows what was seen

The loop is the caller's: ``update`` takes a batch, wherever it came from. ``PolicyTraining`` is the same for compiled environments and for
costs that are functions.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.algorithms.first_policy import MakePolicy, random_policy
from triality.policies.running_scaling import Moments, rescaled
from triality.policies.scaling import identity_scaling
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, Trajectory
from triality.updates.ppo import PPO, PPOMetrics
from triality.updates.update_rule import UpdateRule


class RewardTrainingState(NamedTuple):
    """What the next update needs."""

    policy: Policy
    update: PyTree
    moments: Moments
    key: Key[Array, ""]

    @classmethod
    def first(
        cls, key: Key[Array, ""], spec: EnvironmentSpec, update_rule: UpdateRule, make_policy: MakePolicy | None
    ) -> RewardTrainingState:
        """A random policy that has seen nothing."""
        key_policy, key_update, key_run = jax.random.split(key, 3)
        scaling = identity_scaling(spec.observation_size)
        policy = random_policy(make_policy, key_policy, spec, scaling)
        return cls(policy, update_rule.init(key_update, policy, scaling), Moments.none(spec.observation_size), key_run)

    def after(self, policy: Policy, update: PyTree, batch: Trajectory) -> RewardTrainingState:
        """Of an improved policy: the scaling follows what the batch shows."""
        moments = self.moments.with_batch(batch)
        policy, update = rescaled((policy, update), moments.scaling())
        return self._replace(policy=policy, update=update, moments=moments)


class RewardTrainingMetrics(NamedTuple):
    """Never needed next.

    Fields:
        return_mean: mean reward of an episode in the batch; of those that the row's end cut, what they earned until then.
        policy: what PPO reports.
    """

    return_mean: Float[Array, ""]
    policy: PPOMetrics


class RewardTraining(eqx.Module):
    """PPO on recorded rewards.

    Args:
        spec: of the environment.
        update_rule: PPO; its temperature weighs the entropy.
        make_policy: builds a policy from (key, spec, scaling); by the kind of actions if None.

    Example:
        >>> from triality.simulators.collector import Collector
        >>> from triality.simulators.endings import Restarted
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> collector = Collector(GymnasiumBatch("CartPole-v1", 2), horizon=30, ending=Restarted())
        >>> training = RewardTraining(collector.spec, PPO(num_epochs=1, num_minibatches=1, hidden=(4,)))
        >>> state = training.init(jax.random.key(0))
        >>> batch = collector.collect(jax.random.key(1), state.policy, 2)
        >>> state, metrics = eqx.filter_jit(training.update)(state, batch)
        >>> float(state.moments.count), bool(metrics.return_mean > 5)
        (60.0, True)
    """

    spec: EnvironmentSpec = eqx.field(static=True)
    update_rule: PPO = PPO(temperature=0.01)
    make_policy: MakePolicy | None = eqx.field(default=None, static=True)

    def init(self, key: Key[Array, ""]) -> RewardTrainingState:
        """A random policy that has seen nothing."""
        return RewardTrainingState.first(key, self.spec, self.update_rule, self.make_policy)

    def update(self, state: RewardTrainingState, batch: Trajectory) -> tuple[RewardTrainingState, RewardTrainingMetrics]:
        """One improvement on a batch that the policy drew itself; then the scaling follows."""
        key, key_update = jax.random.split(state.key)
        policy, update, metrics = self.update_rule.improve(key_update, state.policy, state.update, batch, -batch.reward)
        return state._replace(key=key).after(policy, update, batch), RewardTrainingMetrics(mean_return(batch), metrics)


def mean_return(batch: Trajectory) -> Float[Array, ""]:
    """Mean reward of an episode, where several may stand in a row of the batch (``simulators.endings.Restarted``).

    Example:
        >>> real, rewards = jnp.ones((1, 3), bool), jnp.array([[1.0, 2.0, 5.0]])
        >>> batch = Trajectory(jnp.zeros((1, 4, 1)), jnp.zeros((1, 3)), jnp.zeros((1, 3)), real, ~real, ~real, rewards, jnp.zeros(1, int))
        >>> float(mean_return(batch)), float(mean_return(batch._replace(terminated=jnp.array([[False, True, False]]))))
        (8.0, 4.0)
    """
    episodes = batch.mask.shape[0] + jnp.sum(batch.terminated[:, :-1] & batch.mask[:, 1:])
    return jnp.sum(batch.reward) / episodes

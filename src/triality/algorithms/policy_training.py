"""A policy for a cost that is given: soft-optimal control (eq. 2) by roll-outs and the same update that guided cost learning uses.

    minimize over q:   E_q[sum_t cost(x_t, u_t)] + temperature * E_q[log q]

Two uses: an expert for the environment's own reward, whose demonstrations carry their log-probabilities; and a fresh policy for a learned
cost alone, the test of whether the cost holds what the demonstrations knew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.algorithms.first_policy import MakePolicy, random_policy
from triality.envs.environment import AbstractEnvironment
from triality.policies.scaling import Scaling, fit_scaling, identity_scaling
from triality.trajectory import OfPair, Policy, StepCost, Trajectory, rollout
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule


class TrainingState(NamedTuple):
    """What the next step needs."""

    policy: Policy
    update: PyTree
    cost: StepCost
    scaling: Scaling
    key: Key[Array, ""]


class TrainingMetrics(NamedTuple):
    """Never needed next: the environment's own return of sampled actions, and what the update reports."""

    return_mean: Float[Array, ""]
    policy: Any


class PolicyTraining(eqx.Module):
    """Soft policy optimization of a fixed cost.

    Args:
        env: the environment.
        horizon: steps of a roll-out; its time limit, if it has one.
        update_rule: how q improves; its temperature weighs the entropy.
        num_rollouts: roll-outs an iteration.
        make_policy: builds a policy from (key, spec, scaling); by the kind of actions if None.
    """

    env: AbstractEnvironment
    horizon: int = eqx.field(static=True)
    update_rule: UpdateRule = PPO()
    num_rollouts: int = eqx.field(default=64, static=True)
    make_policy: MakePolicy | None = eqx.field(default=None, static=True)

    def init(self, key: Key[Array, ""], cost: StepCost, scaling: Scaling | None = None) -> TrainingState:
        """A random policy; the scaling of observations is fitted to what it sees if None is given."""
        key_policy, key_scaling, key_update, key_run = jax.random.split(key, 4)
        spec = self.env.spec
        if scaling is None:
            random = random_policy(self.make_policy, key_policy, spec, identity_scaling(spec.observation_size))
            seen = self._collect(key_scaling, random).observation.reshape(-1, spec.observation_size)
            scaling = fit_scaling(seen)
        policy = random_policy(self.make_policy, key_policy, spec, scaling)
        return TrainingState(policy, self.update_rule.init(key_update, policy, scaling), cost, scaling, key_run)

    def step(self, state: TrainingState) -> tuple[TrainingState, TrainingMetrics]:
        """Roll out, then improve the policy once."""
        key, key_collect, key_update = jax.random.split(state.key, 3)
        batch = self._collect(key_collect, state.policy)
        policy, update, metrics = self.update_rule.update(key_update, state.policy, state.update, batch, OfPair(state.cost))
        after = state._replace(policy=policy, update=update, key=key)
        return after, TrainingMetrics(jnp.mean(jnp.sum(batch.reward, axis=-1)), metrics)

    def _collect(self, key: Key[Array, ""], policy: Policy) -> Trajectory:
        keys = jax.random.split(key, self.num_rollouts)
        return jax.vmap(lambda k: rollout(k, self.env, policy, self.horizon))(keys)

"""Imitation through a soft action value alone, no cost in between: SQIL and IQ-Learn as one algorithm with two losses.

    repeat:
        draw roll-outs from the policy pi; they join a buffer                        (collect)
        many times, with half a batch of demonstrated transitions and half of own ones:
            Q_i:  a step down the loss,  i = 1, 2                                    (``SqilLoss`` or ``IqLearnLoss``)
            pi:   a step up  E_x V(x),  V(x) = E_pi[min_i Q_i - temperature log pi]  (that of ``SoftActorCritic``)

What Q says that a transition earns is r = Q(x, u) - gamma (1 - terminated) V(x'): ``implied_cost`` is minus that. V(x') counts at a time
limit and not at an end of the environment. The demonstrations' own time limit is read from the same flags, so that a wrong flag there is a
wrong reward: an episode cut by a limit and recorded as ended teaches that nothing comes after.

Reference: Reddy, Dragan, Levine 2020, arXiv:1905.11108; Garg et al. 2021, arXiv:2106.12142.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.algorithms.first_policy import MakePolicy, first_scaling, random_policy, rollouts
from triality.algorithms.known_transitions import KnownTransitions, known_transitions
from triality.envs.environment import AbstractEnvironment
from triality.objectives.soft_q import SoftQ, SoftQLoss, SoftQMetrics, after_step
from triality.policies.running_scaling import held, rescaled
from triality.policies.scaling import Scaling
from triality.run import scan
from triality.trajectory import Policy, Trajectory
from triality.updates.soft_actor_critic import SoftActorCritic, SoftActorCriticState
from triality.updates.transition_buffer import Transition, draw, put_in
from triality.updates.twin_q import TwinQ


class SoftQState(NamedTuple):
    """All that a run needs to go on.

    Fields:
        policy: pi, the soft policy of Q as far as it has come.
        update: twins, slow twins, optimizers, and the learner's own transitions.
        known: the demonstrations.
        scaling: of observations, in policy and twins alike.
        key: randomness from here on.
        iteration: iterations done.
    """

    policy: Policy
    update: SoftActorCriticState
    known: KnownTransitions
    scaling: Scaling
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class SoftQImitationMetrics(NamedTuple):
    """Never needed next.

    Fields:
        return_mean: the environment's own return of this iteration's roll-outs, sampled actions: monitoring only.
        loss: mean over the gradient steps, no sign of progress; see the loss.
        entropy: -mean log pi of this batch's actions, nats a step, as they were drawn.
        num_kept: own transitions in the buffer.
        rewards: the mean implied rewards of both sides, over the gradient steps; see ``SoftQMetrics``.
    """

    return_mean: Float[Array, ""]
    loss: Float[Array, ""]
    entropy: Float[Array, ""]
    num_kept: Float[Array, ""]
    rewards: SoftQMetrics


class SoftQImitation(eqx.Module):
    """Soft Q imitation. ``Sqil`` and ``IqLearn`` are its constructors.

    Args:
        env: where the learner acts; only ``collect`` runs it.
        horizon: steps of a roll-out.
        loss: of Q.
        actor: the twins, the policy's step, discount and temperature; a batch of ``batch_size`` is half demonstrated and half own.
        num_rollouts: roll-outs an iteration.
        make_policy: builds a policy from (key, spec, scaling); by the kind of actions if None.
    """

    env: AbstractEnvironment
    horizon: int = eqx.field(static=True)
    loss: SoftQLoss
    actor: SoftActorCritic
    num_rollouts: int = eqx.field(default=16, static=True)
    make_policy: MakePolicy | None = eqx.field(default=None, static=True)

    def init(
        self,
        key: Key[Array, ""],
        data: Trajectory,
        data_log_weight: Float[Array, " n"] | None = None,
        policy: Policy | None = None,
        scaling: Scaling | None = None,
        like: Trajectory | None = None,
    ) -> SoftQState:
        """A first state from the demonstrations ``data``; arguments as those of ``CostLearning.init``, and ``like`` is not needed."""
        del like
        key_policy, key_update, key_scaling, key_run = jax.random.split(key, 4)
        scaling = held(policy) if scaling is None else scaling
        scaling = self.fit_scaling(key_scaling, data) if scaling is None else scaling
        policy = self.make_policy_of(key_policy, scaling) if policy is None else rescaled(policy, scaling)
        update = self.actor.init(key_update, policy, scaling)
        return SoftQState(policy, update, known_transitions(data, data_log_weight), scaling, key_run, jnp.zeros((), jnp.int32))

    def step(self, state: SoftQState) -> tuple[SoftQState, SoftQImitationMetrics]:
        """One iteration: ``update`` after ``collect``."""
        key, key_collect = jax.random.split(state.key)
        state = state._replace(key=key)
        return self.update(state, self.collect(key_collect, state))

    def collect(self, key: Key[Array, ""], state: SoftQState) -> Trajectory:
        """The roll-outs of one iteration."""
        return rollouts(key, self.env, state.policy, self.horizon, self.num_rollouts)

    def acting(self, state: SoftQState) -> Policy:
        """Who draws the next roll-outs: what a host's collector runs."""
        return state.policy

    def update(self, state: SoftQState, batch: Trajectory) -> tuple[SoftQState, SoftQImitationMetrics]:
        """The batch joins the buffer; then the gradient steps of Q and pi."""
        key, key_steps = jax.random.split(state.key)
        learner = state.update._replace(buffer=put_in(state.update.buffer, batch))

        def step(carry: tuple[Policy, SoftActorCriticState], key: Key[Array, ""]):
            policy, learner = carry
            key_data, key_drawn, key_starts, key_loss, key_policy = jax.random.split(key, 5)
            half = self.actor.batch_size // 2
            data, drawn = state.known.draw(key_data, half), draw(key_drawn, learner.buffer, half)
            (loss, rewards), gradient = eqx.filter_value_and_grad(self.loss_of, has_aux=True)(
                learner.twins, key_loss, policy, learner.slow_twins, data, drawn, state.known.starts(key_starts, half)
            )
            learner = self.actor.descend_twins(learner, gradient)
            both = jax.tree.map(lambda *sides: jnp.concatenate(sides), data, drawn)
            return self.actor.improve_policy(key_policy, policy, learner, both), (loss, rewards)

        keys = jax.random.split(key_steps, self.actor.num_updates)
        (policy, learner), reported = scan(step, (state.policy, learner), keys, self.actor.num_updates)
        loss, rewards = jax.tree.map(jnp.mean, reported)
        entropy = -jnp.sum(jnp.where(batch.mask, batch.log_prob, 0.0)) / jnp.maximum(jnp.sum(batch.mask), 1)
        return_mean = jnp.mean(jnp.sum(batch.reward, axis=-1))
        metrics = SoftQImitationMetrics(return_mean, loss, entropy, learner.buffer.num_kept.astype(loss.dtype), rewards)
        return state._replace(policy=policy, update=learner, key=key, iteration=state.iteration + 1), metrics

    def loss_of(
        self,
        twins: TwinQ,
        key: Key[Array, ""],
        policy: Policy,
        slow_twins: TwinQ,
        data: Transition,
        drawn: Transition,
        starts: Float[Array, "k obs"],
    ) -> tuple[Float[Array, ""], SoftQMetrics]:
        """The loss of both twins, mean of the two, in units of nothing but the loss's own; V is under the smaller one."""
        key_data, key_drawn, key_start = jax.random.split(key, 3)
        ahead = slow_twins if self.loss.looks_ahead_slowly else twins
        start_value = jnp.mean(self._values(key_start, twins, policy, starts))
        sides = [self._side(*given, twins, ahead, policy) for given in ((key_data, data), (key_drawn, drawn))]

        def of_twin(i: Int[Array, ""]) -> tuple[Float[Array, ""], SoftQMetrics]:
            data, drawn = (side._replace(q=side.q[:, i]) for side in sides)
            return self.loss(data, drawn, start_value)

        losses, metrics = jax.vmap(of_twin)(jnp.arange(2))
        return jnp.mean(losses), jax.tree.map(jnp.mean, metrics)

    def implied_cost(self, key: Key[Array, ""], state: SoftQState, part: Transition) -> Float[Array, " n"]:
        """-(min_i Q_i(x, u) - gamma (1 - terminated) V(x')), nats; low = likely. V by one draw where actions are a box."""
        twins = state.update.twins
        side = self._side(key, part, twins, twins, state.policy)
        return side.after - jnp.min(side.q, axis=-1)

    def _side(self, key: Key[Array, ""], part: Transition, twins: TwinQ, ahead: TwinQ, policy: Policy) -> SoftQ:
        """One side, its q still of both twins."""
        key_value, key_after = jax.random.split(key)
        after = after_step(self._values(key_after, ahead, policy, part.after), part.terminated, self.actor.gamma)
        value = self._values(key_value, twins, policy, part.observation)
        return SoftQ(jax.vmap(twins)(part.observation, part.action), value, after, jnp.zeros(after.shape))

    def _values(self, key: Key[Array, ""], twins: TwinQ, policy: Policy, observations: Float[Array, "n obs"]) -> Float[Array, " n"]:
        keys = jax.random.split(key, observations.shape[0])
        return jax.vmap(lambda key, x: twins.soft_value(key, x, policy(x), self.actor.temperature))(keys, observations)

    def make_policy_of(self, key: Key[Array, ""], scaling: Scaling) -> Policy:
        """A random policy of the kind that this algorithm improves."""
        return random_policy(self.make_policy, key, self.env.spec, scaling)

    def fit_scaling(self, key: Key[Array, ""], data: Trajectory) -> Scaling:
        """From the demonstrations and as many random roll-outs."""
        return first_scaling(key, self.env, self.make_policy, data)

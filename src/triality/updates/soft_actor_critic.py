"""Soft policy optimization by soft actor-critic: q is moved toward exp(-cost)/Z by learning from what earlier policies did, too (eq. 2).

    target   y = -cost(x, u, x') + gamma (1 - terminated) V_slow(x'),   V(x) = E_{u ~ pi} [min_i Q_i(x, u) - temperature * log pi(u|x)]
    Q_i      least squares on y,  i = 1, 2
    policy   maximize E_x V(x): the reverse KL from pi(.|x) to exp(min_i Q_i(x, .)/temperature), per state
    slow     Q_slow <- Q_slow + target_rate (Q - Q_slow)

Transitions come from a buffer, V is that of the present policy. The cost is asked anew for every transition that is drawn, since a learned
cost moves and an old answer would be of another one. The entropy enters through V, once; with temperature 1 this descends the sampler loss
E_q[cost + log q] (eq. 2, fact 3), discounted. gamma belongs to this update, not to the model: the trajectory's cost is undiscounted.

Off-policy is the policy's improvement alone. What the discriminator takes for log q is not touched: the density of the policy that drew the
batch, or with past samplers in the cost's level the fusion of those who drew (D12, pitfalls 13 and 19). No density is stored here at all.

Reference: Haarnoja et al. 2018, arXiv:1801.01290 and arXiv:1812.05905 (twins, no value network); Christodoulou 2019, arXiv:1910.07207
(discrete actions). The temperature is the model's and is not tuned on the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from triality.policies.scaling import Scaling
from triality.run import scan
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, Trajectory, TransitionCost, action_log_probs
from triality.updates.transition_buffer import Transition, TransitionBuffer, draw, empty_buffer, put_in
from triality.updates.twin_q import TwinQ, twin_q


class SoftActorCriticState(NamedTuple):
    """What the update needs next time: twin Q, its slow copy, the optimizers, and the transitions to learn from."""

    twins: TwinQ
    slow_twins: TwinQ
    policy_optimizer: PyTree
    twins_optimizer: PyTree
    buffer: TransitionBuffer


class SoftActorCriticMetrics(NamedTuple):
    """Never needed next.

    Fields:
        entropy: -mean log pi of the batch's actions, nats a step. Falls as q sharpens; a steady dive means the cost's scale runs away.
        kl: mean log pi_old - log pi over the batch after all gradient steps, nats a step; healthy below about 0.05, and no clip bounds it.
        explained_variance: of the targets by the twins, mean over the gradient steps; 1 is perfect, below 0 worse than a constant.
        soft_value: mean target, nats: what is still to be earned, discounted. Follows the cost's scale; a run-away means divergence.
        twin_gap: mean abs difference of the twins in units of the effective horizon, nats a step; small against the cost of a step.
        num_kept: transitions in the buffer.
    """

    entropy: Float[Array, ""]
    kl: Float[Array, ""]
    explained_variance: Float[Array, ""]
    soft_value: Float[Array, ""]
    twin_gap: Float[Array, ""]
    num_kept: Float[Array, ""]


class Fit(NamedTuple):
    """Of one gradient step: how well the twins fit their targets."""

    mean: Float[Array, ""]
    variance: Float[Array, ""]
    squared_error: Float[Array, ""]
    gap: Float[Array, ""]


class SoftActorCritic(eqx.Module):
    """Soft actor-critic with twin Q and a fixed temperature.

    The defaults are for one gradient step to some 32 new transitions; published ones take one to each, with a quarter of ``target_rate``.

    Args:
        spec: of the environment; says which kind of actions Q is of.
        learning_rate: Adam step of the policy.
        twins_learning_rate: Adam step of the twins.
        gamma: discount inside the update.
        temperature: weight of the entropy; 1 is the paper's (eq. 2).
        target_rate: share of the latest twins in the slow ones, a gradient step.
        num_updates: gradient steps an update.
        batch_size: transitions of one gradient step.
        capacity: transitions kept; beyond them the oldest are overwritten.
        hidden: hidden sizes of Q.

    Example:
        >>> from triality.algorithms.guided_cost import GanGcl
        >>> from triality.algorithms.levels import Steps
        >>> from triality.envs.pendulum import Pendulum
        >>> env = Pendulum()
        >>> algorithm = GanGcl(env, Steps(), update_rule=SoftActorCritic(env.spec, num_updates=200))
        >>> float(algorithm.update_rule.temperature)
        1.0
    """

    spec: EnvironmentSpec = eqx.field(static=True)
    learning_rate: Float[Array, ""] = eqx.field(default=3e-4, converter=jnp.asarray)
    twins_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    gamma: Float[Array, ""] = eqx.field(default=0.99, converter=jnp.asarray)
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    target_rate: Float[Array, ""] = eqx.field(default=0.02, converter=jnp.asarray)
    num_updates: int = eqx.field(default=300, static=True)
    batch_size: int = eqx.field(default=256, static=True)
    capacity: int = eqx.field(default=200_000, static=True)
    hidden: tuple[int, ...] = eqx.field(default=(64, 64), static=True)

    def init(self, key: Key[Array, ""], policy: Policy, scaling: Scaling) -> SoftActorCriticState:
        """Fresh twins, slow twins equal to them, fresh optimizers for them and for ``policy``, and an empty buffer."""
        twins = twin_q(key, self.spec, scaling, 1.0 / (1.0 - self.gamma), self.hidden)
        of_policy, of_twins = (self._optimizer(0.0).init(eqx.filter(model, eqx.is_inexact_array)) for model in (policy, twins))
        return SoftActorCriticState(twins, twins, of_policy, of_twins, empty_buffer(self.capacity, self.spec))

    def update(
        self, key: Key[Array, ""], policy: Policy, state: SoftActorCriticState, batch: Trajectory, cost: TransitionCost
    ) -> tuple[Policy, SoftActorCriticState, SoftActorCriticMetrics]:
        """The batch joins the buffer; then ``num_updates`` gradient steps under ``cost``. Only the metrics read ``batch.log_prob``."""
        state = state._replace(buffer=put_in(state.buffer, batch))

        def step(carry: tuple[Policy, SoftActorCriticState], key: Key[Array, ""]):
            policy, state = carry
            key_draw, key_twins, key_policy = jax.random.split(key, 3)
            part = draw(key_draw, state.buffer, self.batch_size)
            state, fit = self._improve_twins(key_twins, policy, state, part, cost)
            return self.improve_policy(key_policy, policy, state, part), fit

        keys = jax.random.split(key, self.num_updates)
        (improved, state), fits = scan(step, (policy, state), keys, self.num_updates)
        return improved, state, _metrics(improved, state, batch, fits)

    def targets(self, key: Key[Array, ""], policy: Policy, slow_twins: TwinQ, part: Transition, cost: TransitionCost) -> Float[Array, " n"]:
        """-cost + gamma (1 - terminated) V_slow(x') of each transition, nats: what the twins are fitted to, and hold fixed."""
        keys = jax.random.split(key, part.terminated.shape[0])
        after = jax.vmap(lambda key, x: slow_twins.soft_value(key, x, policy(x), self.temperature))(keys, part.after)
        still_to_earn = jnp.where(part.terminated, 0.0, self.gamma * after)
        return jax.lax.stop_gradient(still_to_earn - jax.vmap(cost)(part.observation, part.action, part.after))

    def _improve_twins(
        self, key: Key[Array, ""], policy: Policy, state: SoftActorCriticState, part: Transition, cost: TransitionCost
    ) -> tuple[SoftActorCriticState, Fit]:
        target = self.targets(key, policy, state.slow_twins, part, cost)
        horizon = 1.0 / (1.0 - self.gamma)

        def loss(twins: TwinQ) -> tuple[Float[Array, ""], Fit]:
            both = jax.vmap(twins)(part.observation, part.action)
            squared_error = jnp.mean((both - target[:, None]) ** 2)
            fit = Fit(jnp.mean(target), jnp.var(target), squared_error, jnp.mean(jnp.abs(both[:, 0] - both[:, 1])) / horizon)
            return squared_error / horizon**2, fit

        gradient, fit = eqx.filter_grad(loss, has_aux=True)(state.twins)
        return self.descend_twins(state, gradient), fit

    def descend_twins(self, state: SoftActorCriticState, gradient: PyTree) -> SoftActorCriticState:
        """One step of the twins against the ``gradient`` of any loss of theirs; the slow ones follow."""
        twins, optimizer = self._step(gradient, state.twins, state.twins_optimizer, self.twins_learning_rate)
        slow_twins = _moved(state.slow_twins, twins, self.target_rate)
        return state._replace(twins=twins, slow_twins=slow_twins, twins_optimizer=optimizer)

    def improve_policy(
        self, key: Key[Array, ""], policy: Policy, state: SoftActorCriticState, part: Transition
    ) -> tuple[Policy, SoftActorCriticState]:
        """One step up the mean V of the transitions' observations, under the twins as they are."""
        keys = jax.random.split(key, part.terminated.shape[0])

        def loss(policy: Policy) -> Float[Array, ""]:
            value = jax.vmap(lambda key, x: state.twins.soft_value(key, x, policy(x), self.temperature))(keys, part.observation)
            return -jnp.mean(value)

        policy, optimizer = self._step(eqx.filter_grad(loss)(policy), policy, state.policy_optimizer, self.learning_rate)
        return policy, state._replace(policy_optimizer=optimizer)

    def _step(self, gradient: PyTree, model: Any, optimizer_state: PyTree, learning_rate: Float[Array, ""]) -> tuple[Any, PyTree]:
        updates, optimizer_state = self._optimizer(learning_rate).update(gradient, optimizer_state)
        return eqx.apply_updates(model, updates), optimizer_state

    def _optimizer(self, learning_rate: Float[Array, ""] | float) -> optax.GradientTransformation:
        return optax.flatten(optax.chain(optax.scale_by_adam(eps=1e-5), optax.scale(-1.0 * learning_rate)))


def _moved(slow: Any, latest: Any, rate: Float[Array, ""]) -> Any:
    """slow + rate (latest - slow) in every inexact array, which leaves alone exactly what does not differ, such as a scaling."""
    target, rest = eqx.partition(latest, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda old, new: old + rate * (new - old), eqx.filter(slow, eqx.is_inexact_array), target), rest)


def _metrics(policy: Policy, state: SoftActorCriticState, batch: Trajectory, fits: Fit) -> SoftActorCriticMetrics:
    mean = jax.tree.map(jnp.mean, fits)
    total = jnp.maximum(jnp.sum(batch.mask), 1)
    before = jnp.sum(jnp.where(batch.mask, batch.log_prob, 0.0)) / total
    after = jnp.sum(jax.vmap(lambda one: action_log_probs(policy, one))(batch)) / total
    explained = 1.0 - mean.squared_error / jnp.maximum(mean.variance, jnp.finfo(mean.variance.dtype).tiny)
    num_kept = state.buffer.num_kept.astype(before.dtype)
    return SoftActorCriticMetrics(-before, before - after, explained, mean.mean, mean.gap, num_kept)

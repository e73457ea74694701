"""Soft policy optimization by PPO: q is moved toward exp(-cost)/Z by minimizing E_q[sum cost + temperature * log pi] (eq. 2).

    soft reward   r_t = -cost(x_t, u_t) - temperature * log pi_old(u_t|x_t)  entropy enters here, once, and nowhere else
    advantage     generalized advantage estimate of r (gamma, lambda; Schulman et al. 2016), normalized over the batch
    policy        maximize E min(rho A, clip(rho, 1 - eps, 1 + eps) A),  rho = pi/pi_old,  until a minibatch's KL(pi_old, pi) exceeds max_kl
    value         least squares on the lambda-return

With temperature 1 this descends the sampler loss E_q[cost + log q] (eq. 2, fact 3). gamma and lambda belong to this
update, not to the model: the trajectory's cost is undiscounted.

Reference: Schulman et al. 2017, arXiv:1707.06347; entropy in the return as in Ziebart 2010.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.devices.placement import spread, whole
from triality.energies.mlp import MLP
from triality.policies.scaling import Scaling
from triality.shuffling import order_for_blocks
from triality.trajectory import Policy, Trajectory, TransitionCost, transition_costs

VALUE_SCALE = 0.01
"""Gain of the value's last layer at first. In units of the effective horizon an output of order one is no guess but noise: 10,000 at
gamma = 0.9999, where a whole episode may be worth thirty."""
ADAM_EPSILON, VALUE_EPSILON = 1e-5, 1e-8
"""Of the value smaller than of the policy, as its errors are, counted in these units."""


class Value(eqx.Module):
    """V(x): a perceptron whose output is counted in units of the effective horizon, so that it is of the size of one reward."""

    net: MLP
    scaling: Scaling
    horizon: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"]) -> Float[Array, ""]:
        return self.net(self.scaling(observation))[0] * jax.lax.stop_gradient(self.horizon)


class PPOState(NamedTuple):
    """What the update needs next time."""

    value: Value
    policy_optimizer: PyTree
    value_optimizer: PyTree


class PPOMetrics(NamedTuple):
    """Never needed next.

    Fields:
        entropy: -mean log pi of the drawn actions, nats a step. Falls as q sharpens; a steady dive means the cost's scale runs away.
        kl: mean log pi_old - log pi over the batch after the update, nats a step; healthy below about 0.05.
        clip_fraction: share of steps whose ratio left the clip range; healthy below about 0.3.
        explained_variance: of the lambda-returns by the value before the update; 1 is perfect, below 0 worse than a constant.
    """

    entropy: Float[Array, ""]
    kl: Float[Array, ""]
    clip_fraction: Float[Array, ""]
    explained_variance: Float[Array, ""]


class Minibatch(NamedTuple):
    """Flattened steps with all that both losses need."""

    observation: Float[Array, "n obs"]
    action: Array
    log_prob: Float[Array, " n"]
    advantage: Float[Array, " n"]
    target: Float[Array, " n"]
    mask: Float[Array, " n"]


def advantages(
    reward: Float[Array, " time"],
    value: Float[Array, " time_plus_1"],
    terminated: Bool[Array, " time"],
    mask: Bool[Array, " time"],
    gamma: Float[Array, ""] | float,
    gae_lambda: Float[Array, ""] | float,
) -> Float[Array, " time"]:
    """Generalized advantage estimates of one trajectory. A termination is worth nothing after it; a time limit is bootstrapped.

    Example:
        >>> import jax.numpy as jnp
        >>> ended, real = jnp.array([False, True]), jnp.array([True, True])
        >>> advantages(jnp.ones(2), jnp.zeros(3), ended, real, 0.5, 1.0).tolist()
        [1.5, 1.0]
    """
    going_on = jnp.where(terminated | ~mask, 0.0, 1.0)
    delta = jnp.where(mask, reward + gamma * going_on * value[1:] - value[:-1], 0.0)

    def back(after, step):
        delta, going_on = step
        now = delta + gamma * gae_lambda * going_on * after
        return now, now

    return jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, going_on), reverse=True)[1]


class PPO(eqx.Module):
    """Proximal policy optimization of the soft return. Defaults are those of the classic-control settings in CleanRL's ``ppo_continuous``.

    Args:
        learning_rate: Adam step of the policy.
        value_learning_rate: Adam step of the value.
        gamma: discount inside the update.
        gae_lambda: lambda of the advantage estimate.
        clip: half-width of the ratio's clip range.
        temperature: weight of the entropy; 1 is the paper's (eq. 2).
        max_kl: nats a step; the policy stands still for the rest of an update once a minibatch's estimate of KL(pi_old, pi) is above it,
            the value does not. Infinite by default. For narrow policies, which the clip alone lets move too far.
        max_grad_norm: global clip of both gradients.
        num_epochs: passes over the batch.
        num_minibatches: pieces of a pass; of a batch they do not divide, another few steps are left out in each pass.
        hidden: hidden sizes of the value.
    """

    learning_rate: Float[Array, ""] = eqx.field(default=3e-4, converter=jnp.asarray)
    value_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    gamma: Float[Array, ""] = eqx.field(default=0.99, converter=jnp.asarray)
    gae_lambda: Float[Array, ""] = eqx.field(default=0.95, converter=jnp.asarray)
    clip: Float[Array, ""] = eqx.field(default=0.2, converter=jnp.asarray)
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    max_kl: Float[Array, ""] = eqx.field(default=jnp.inf, converter=jnp.asarray)
    max_grad_norm: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)
    num_epochs: int = eqx.field(default=4, static=True)
    num_minibatches: int = eqx.field(default=8, static=True)
    hidden: tuple[int, ...] = eqx.field(default=(64, 64), static=True)

    def init(self, key: Key[Array, ""], policy: Policy, scaling: Scaling) -> PPOState:
        """A fresh value and fresh optimizers for ``policy``."""
        net = MLP(key, (scaling.mean.shape[0], *self.hidden, 1), VALUE_SCALE)
        horizon = jnp.asarray(
            1.0 / (1.0 - self.gamma), self.gamma.dtype
        )  # strongly typed, as it comes back: else the update is traced twice
        value = Value(net, scaling, horizon)
        return PPOState(value, self._optimizer(0.0).init(_arrays(policy)), self._optimizer(0.0).init(_arrays(value)))

    def update(
        self, key: Key[Array, ""], policy: Policy, state: PPOState, batch: Trajectory, cost: TransitionCost
    ) -> tuple[Policy, PPOState, PPOMetrics]:
        """One improvement of the policy under ``cost``, on a batch that it drew itself; ``batch.log_prob`` must be its own."""
        return self.improve(key, policy, state, batch, jax.vmap(lambda one: transition_costs(cost, one))(spread(batch)))

    def improve(
        self, key: Key[Array, ""], policy: Policy, state: PPOState, batch: Trajectory, costs: Float[Array, "n time"]
    ) -> tuple[Policy, PPOState, PPOMetrics]:
        """The same for costs that are given step by step, such as a simulator's own reward with its sign turned."""
        data, explained = self.prepare(state.value, spread(batch), -spread(costs))
        data = whole(data)  # once, for all minibatches
        num_steps = data.mask.shape[0]

        keys = jax.random.split(key, self.num_epochs)
        order = jax.vmap(lambda k: order_for_blocks(k, num_steps))(keys)
        size = num_steps // self.num_minibatches
        order = order[:, : size * self.num_minibatches].reshape(self.num_epochs * self.num_minibatches, size)
        dynamic, static = eqx.partition((policy, state), eqx.is_array)

        def minibatch(carry, index: Int[Array, " m"]):
            dynamic, is_far = carry
            part = spread(jax.tree.map(lambda leaf: leaf[spread(index)], data))
            policy, state = eqx.combine(dynamic, static)
            policy, state, is_far = self._descend(policy, state, part, is_far)
            return (eqx.filter((policy, state), eqx.is_array), is_far), None

        (dynamic, _), _ = jax.lax.scan(minibatch, (dynamic, jnp.array(False)), order)
        policy, state = eqx.combine(dynamic, static)
        return policy, state, self._metrics(policy, spread(data), explained)

    def prepare(self, value: Value, batch: Trajectory, reward: Float[Array, "n time"]) -> tuple[Minibatch, Float[Array, ""]]:
        """Flattened steps with normalized advantages and targets of the soft return; and the value's explained variance."""
        soft_reward = reward - self.temperature * batch.log_prob
        values = jax.vmap(jax.vmap(value))(batch.observation)
        gae = jax.vmap(lambda r, v, t, m: advantages(r, v, t, m, self.gamma, self.gae_lambda))
        advantage = gae(soft_reward, values, batch.terminated, batch.mask)
        target = advantage + values[:, :-1]
        mask = batch.mask.astype(values.dtype)
        mean, var = _masked_moments(advantage, mask)
        explained = 1.0 - var / jnp.maximum(_masked_moments(target, mask)[1], jnp.finfo(var.dtype).tiny)
        normalized = (advantage - mean) / jnp.sqrt(var + 1e-8)
        pieces = (batch.observation[:, :-1], batch.action, batch.log_prob, normalized, target, mask)
        return Minibatch(*(piece.reshape((-1, *piece.shape[2:])) for piece in pieces)), explained

    def _descend(
        self, policy: Policy, state: PPOState, part: Minibatch, is_far: Bool[Array, ""]
    ) -> tuple[Policy, PPOState, Bool[Array, ""]]:
        def losses(models: tuple[Policy, Value]) -> tuple[Float[Array, ""], Float[Array, ""]]:
            """Sums over the steps: their number is divided by afterwards, so that devices add up everything at one go."""
            policy, value = models
            gain, kl = clipped_gains(policy, part, self.clip)
            error = (jax.vmap(value)(part.observation) - part.target) / value.horizon
            return 0.5 * jnp.sum(part.mask * error**2) - gain, kl

        gradients, kl = eqx.filter_grad(losses, has_aux=True)((policy, state.value))
        total = jnp.maximum(jnp.sum(part.mask), 1.0)
        gradient, value_gradient = jax.tree.map(lambda leaf: leaf / total, gradients)
        is_far = is_far | (kl / total > self.max_kl)
        before = (policy, state.policy_optimizer)
        stepped = self._step(gradient, policy, state.policy_optimizer, self.learning_rate, ADAM_EPSILON)
        policy, policy_optimizer = jax.tree.map(lambda new, old: jnp.where(is_far, old, new) if eqx.is_array(new) else new, stepped, before)
        value, value_optimizer = self._step(value_gradient, state.value, state.value_optimizer, self.value_learning_rate, VALUE_EPSILON)
        return policy, PPOState(value, policy_optimizer, value_optimizer), is_far

    def _step(self, gradient, model, optimizer_state, learning_rate, epsilon):
        updates, optimizer_state = self._optimizer(learning_rate, epsilon).update(gradient, optimizer_state)
        return eqx.apply_updates(model, updates), optimizer_state

    def _optimizer(self, learning_rate: Float[Array, ""] | float, epsilon: float = ADAM_EPSILON) -> optax.GradientTransformation:
        return optax.flatten(
            optax.chain(optax.clip_by_global_norm(self.max_grad_norm), optax.scale_by_adam(eps=epsilon), optax.scale(-1.0 * learning_rate))
        )

    def _metrics(self, policy: Policy, data: Minibatch, explained: Float[Array, ""]) -> PPOMetrics:
        log_ratio = _log_probs(policy, data) - data.log_prob
        outside = (jnp.abs(jnp.exp(log_ratio) - 1.0) > self.clip).astype(log_ratio.dtype)
        total = jnp.maximum(jnp.sum(data.mask), 1.0)

        def mean(values: Float[Array, " n"]) -> Float[Array, ""]:
            return jnp.sum(data.mask * values) / total

        return PPOMetrics(-mean(data.log_prob), -mean(log_ratio), mean(outside), explained)


def clipped_gains(policy: Policy, part: Minibatch, clip: Float[Array, ""] | float) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Sum over real steps of min(rho A, clip(rho, 1 - eps, 1 + eps) A), rho = pi/pi_old: to be maximized; and of KL(pi_old, pi), nats.

    The estimate of KL is rho - 1 - log rho, never negative and unbiased (Schulman 2020, "Approximating KL divergence").
    """
    log_ratio = _log_probs(policy, part) - part.log_prob
    ratio = jnp.exp(log_ratio)
    gain = jnp.minimum(ratio * part.advantage, jnp.clip(ratio, 1.0 - clip, 1.0 + clip) * part.advantage)
    return jnp.sum(part.mask * gain), jnp.sum(part.mask * (ratio - 1.0 - log_ratio))


def _arrays(model: PyTree) -> PyTree:
    return eqx.filter(model, eqx.is_inexact_array)


def _log_probs(policy: Policy, part: Minibatch) -> Float[Array, " n"]:
    return jax.vmap(lambda x, u: policy(x).log_prob(u))(part.observation, part.action)


def _masked_moments(values: Float[Array, "n time"], mask: Float[Array, "n time"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    total = jnp.maximum(jnp.sum(mask), 1.0)
    mean = jnp.sum(mask * values) / total
    return mean, jnp.sum(mask * (values - mean) ** 2) / total

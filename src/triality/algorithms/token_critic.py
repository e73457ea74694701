"""A generator of tokens against a given cost, by an actor and a critic (Bahdanau et al. 2017).

    cost of a sequence:  E(x) + temperature log q(x);     Q(x_{<t}, v): what follows when v is written

    repeat:
        draw sequences from q
        Q:  towards E(x) at the last token, else towards  sum_v q(v | x_{<=t}) [ Q'(x_{<=t}, v) + temperature log q(v | x_{<=t}) ]
        q:  one step down  sum_t sum_v d q(v | x_{<t}) [ Q(x_{<t}, v) + temperature log q(v | x_{<t}) ]
        Q' <- Q' + rate (Q - Q')

Q' is the target network. With Q exact the gradient is exact but for the prefixes drawn; a Q that is still wrong leads q astray, so that its
first steps can be left to Q alone. With temperature 1 what q learns is exp(-E)/Z. Reference: arXiv:1607.07086.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.algorithms.likelihood_learning import all_finite, clipped_adam
from triality.energies.sum import frozen
from triality.energy import Constant, Energy, UnnormalizedDensity
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import TokenSampler
from triality.updates.sampler.all_tokens import AllTokens


class NetworkCritic(eqx.Module):
    """Q from a network of the generator's own kind: its logits are the values, nats."""

    network: TokenSampler

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, "length vocabulary"]:
        return self.network.logits(x)


class TokenCriticState(NamedTuple):
    """What the next step needs.

    Fields:
        sampler: q.
        critic: Q.
        target: Q'.
        sampler_optimizer, critic_optimizer: of either.
        key: randomness from here on.
        iteration: steps done.
    """

    sampler: TokenSampler
    critic: NetworkCritic
    target: NetworkCritic
    sampler_optimizer: PyTree
    critic_optimizer: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class TokenCriticMetrics(NamedTuple):
    """Never needed next.

    Fields:
        cost: mean of E + temperature log q over the draws, nats: falls to -log Z at temperature 1.
        critic_error: root mean square of Q's error against its target, nats.
        is_finite: whether all parameters are finite after the step.
    """

    cost: Float[Array, ""]
    critic_error: Float[Array, ""]
    is_finite: Bool[Array, ""]


class TokenActorCritic(eqx.Module):
    """Adam on both, gradients clipped by their norm.

    Args:
        energy: E of a whole sequence.
        temperature: weight of log q; 1 for the reverse KL, 0 for the cost alone.
        learning_rate: of q.
        critic_learning_rate: of Q.
        target_rate: how far Q' moves toward Q in a step.
        num_alone: first steps in which only Q learns.
        max_gradient_norm: where either gradient is clipped.
        num_samples: draws of one step.

    Example:
        >>> from triality.run import run
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> learning = TokenActorCritic(lambda x: jnp.sum(x) * 1.0, learning_rate=0.01)
        >>> q, critic = (gru(jax.random.key(i), length=3, vocabulary=2, hidden=8) for i in (0, 1))
        >>> state = learning.init(jax.random.key(2), q, critic)
        >>> state, metrics, _ = eqx.filter_jit(lambda s: run(learning, s, 1, 400))(state)
        >>> log_z = 3 * float(jnp.log1p(jnp.exp(-1.0)))
        >>> bool(abs(jnp.mean(metrics.cost[0, -50:]) + log_z) < 0.05)
        True
    """

    energy: Energy[Any]
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    critic_learning_rate: Float[Array, ""] = eqx.field(default=1e-2, converter=jnp.asarray)
    target_rate: Float[Array, ""] = eqx.field(default=0.05, converter=jnp.asarray)
    num_alone: Int[Array, ""] = eqx.field(default=50, converter=jnp.asarray)
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    num_samples: int = eqx.field(default=64, static=True)

    def init(self, key: Key[Array, ""], sampler: TokenSampler, critic: TokenSampler) -> TokenCriticState:
        """A first state; ``critic`` is a network whose logits become values."""
        values = NetworkCritic(critic)
        of_sampler, of_critic = (self._adam(self.learning_rate).init(eqx.filter(each, eqx.is_inexact_array)) for each in (sampler, values))
        return TokenCriticState(sampler, values, values, of_sampler, of_critic, key, jnp.zeros((), jnp.int32))

    def step(self, state: TokenCriticState) -> tuple[TokenCriticState, TokenCriticMetrics]:
        """One batch of draws, for both."""
        key, key_draw, key_credit = jax.random.split(state.key, 3)
        x, log_q = jax.vmap(state.sampler.sample_and_log_prob)(jax.random.split(key_draw, self.num_samples))
        energy = jax.lax.stop_gradient(jax.vmap(self.energy)(x))
        wanted = self.targets(state.sampler, state.target, x, energy)
        real = jax.vmap(lambda x: real_places(x, state.sampler.end))(x)

        def loss(critic: NetworkCritic) -> Float[Array, ""]:
            values = jnp.take_along_axis(jax.vmap(critic)(x), x[..., None], axis=-1)[..., 0]
            return jnp.sum(jnp.where(real, (values - wanted) ** 2, 0.0)) / jnp.sum(real)

        error, gradient = eqx.filter_value_and_grad(loss)(state.critic)
        updates, critic_optimizer = self._adam(self.critic_learning_rate).update(gradient, state.critic_optimizer)
        critic = eqx.apply_updates(state.critic, updates)
        density = frozen(UnnormalizedDensity(self.energy, Constant(jnp.zeros(()))))
        actor = AllTokens(frozen(critic), temperature=self.temperature)
        gradient = eqx.filter_grad(lambda q: actor.of_draws(key_credit, q, density, x))(state.sampler)
        is_on = (state.iteration >= self.num_alone).astype(log_q.dtype)
        updates, sampler_optimizer = self._adam(self.learning_rate * is_on).update(gradient, state.sampler_optimizer)
        sampler = eqx.apply_updates(state.sampler, updates)
        target = jax.tree.map(
            lambda old, new: old + self.target_rate * (new - old) if eqx.is_inexact_array(old) else old, state.target, critic
        )
        after = TokenCriticState(sampler, critic, target, sampler_optimizer, critic_optimizer, key, state.iteration + 1)
        return after, TokenCriticMetrics(jnp.mean(energy + self.temperature * log_q), jnp.sqrt(error), all_finite((sampler, critic)))

    def targets(
        self, sampler: TokenSampler, target: NetworkCritic, x: Int[Array, "n length"], energy: Float[Array, " n"]
    ) -> Float[Array, "n length"]:
        """What Q(x_{<t}, x_t) is to become: E at a sequence's last decision, else the mean of what follows by q and Q'."""
        log_law = jax.nn.log_softmax(jax.vmap(sampler.logits)(x))
        ahead = jnp.sum(jnp.exp(log_law) * (jax.vmap(target)(x) + self.temperature * log_law), axis=-1)
        real = jax.vmap(lambda x: real_places(x, sampler.end))(x)
        goes_on = jnp.concatenate([real[:, 1:], jnp.zeros_like(real[:, :1])], axis=-1)
        following = jnp.concatenate([ahead[:, 1:], jnp.zeros_like(ahead[:, :1])], axis=-1)
        return jax.lax.stop_gradient(jnp.where(goes_on, following, energy[:, None]))

    def _adam(self, learning_rate: Float[Array, ""]):
        return clipped_adam(learning_rate, self.max_gradient_norm)

"""Reward-augmented maximum likelihood (Norouzi et al. 2016): the likelihood of targets drawn around the data by how good they are.

    -E_{x ~ p} E_{y ~ exp(r(y, x)/tau)/Z} [ log q(y) ]

the forward KL to the payoff distribution, up to a constant; the entropy-regularized reward that policy gradients maximize is, with its sign
turned, tau times the reverse KL of the same pair. With r minus the number of places at which y differs, the payoff distribution is a
product over places: a token stays with probability 1/(1 + (V - 1) exp(-1/tau)), else becomes any other. Reference: arXiv:1609.00150.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.numerics import weighted_mean
from triality.sampler import AbstractSampler, Samples


class HammingPayoff(AbstractSampler[Int[Array, " length"]]):
    """exp(-(places that differ from x)/tau)/Z over all arrays of x's length; sequences of fixed length.

    Args:
        x: the center.
        tau: 0 leaves x itself.
        vocabulary: static.

    Example:
        >>> payoff = HammingPayoff(jnp.array([0, 1]), jnp.array(1.0), 3)
        >>> every = jnp.stack(jnp.meshgrid(jnp.arange(3), jnp.arange(3)), -1).reshape(-1, 2)
        >>> float(jnp.sum(jnp.exp(jax.vmap(payoff.log_prob)(every))).round(6))
        1.0
    """

    x: Int[Array, " length"]
    tau: Float[Array, ""]
    vocabulary: int = eqx.field(static=True)

    def log_prob(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        """-distance/tau - T log(1 + (V - 1) exp(-1/tau)), nats; -inf where a token is outside the vocabulary."""
        differs = jnp.sum(x != self.x)
        log_z = len(self.x) * jnp.logaddexp(0.0, jnp.log(self.vocabulary - 1.0) - 1.0 / self.tau)
        is_inside = jnp.all((x >= 0) & (x < self.vocabulary))
        return jnp.where(is_inside, jnp.where(differs == 0, 0.0, -differs / self.tau) - log_z, -jnp.inf)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " length"], Float[Array, ""]]:
        key_stay, key_other = jax.random.split(key)
        log_stay = -jnp.logaddexp(0.0, jnp.log(self.vocabulary - 1.0) - 1.0 / self.tau)
        stays = jnp.log(jax.random.uniform(key_stay, self.x.shape)) < log_stay
        other = jax.random.randint(key_other, self.x.shape, 0, self.vocabulary - 1)
        other = other + (other >= self.x)
        x = jnp.where(stays, self.x, other).astype(self.x.dtype)
        return x, self.log_prob(x)


class RewardAugmented(eqx.Module):
    """The loss, one target drawn for each datum at each step.

    Args:
        tau: temperature of the payoff; 0 is maximum likelihood.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, data = gru(jax.random.key(0), length=3, vocabulary=4), Samples.unweighted(jnp.zeros((2, 3), int), jnp.zeros(2))
        >>> float(RewardAugmented(0.3)(jax.random.key(1), q, data, jnp.array(0)).round(4))  # uniform yet: 3 log 4
        4.1589
    """

    tau: Float[Array, ""] = eqx.field(default=0.2, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        del iteration

        def target(key: Key[Array, ""], x: Int[Array, " length"]) -> Int[Array, " length"]:
            return HammingPayoff(x, self.tau, sampler.vocabulary).sample(key)

        drawn = jax.vmap(target)(jax.random.split(key, data.log_weight.shape[0]), data.x)
        return weighted_mean(-jax.vmap(sampler.log_prob)(drawn), data.log_weight)

"""Score-function gradients of a generator of tokens, each token with a return of its own.

    what is minimized:   E_q[ terminal(x) ] + temperature E_q[ log q(x) ]
    gradient:            E_q[ sum_t (R_t - b_t) d log q(x_t | x_{<t}) ]

R_t is what still follows the t-th decision. What lies before it, and any b_t that x_t has no part in, have mean zero against the score, and
only add noise. b_t is the mean of R_t over the other draws that are not over by then. With terminal = E and temperature = 1 this is the
gradient of the reverse KL (eq. 2), and R_t holds log q of the tokens to come and not of those that went.

| credit | R_t |
|---|---|
| ``WholeReturn`` | terminal(x) + temperature * log q of the tokens from t on |
| ``TokenReturn`` | the same for an energy that is a sum over tokens: its summands from t on |
| ``RolloutReturn`` | the mean of what follows over completions of the prefix (SeqGAN) |

The value of the scalar means nothing. References: Williams 1992; Yu et al., SeqGAN, arXiv:1609.05473, equations 3 and 4.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from triality.devices.placement import spread
from triality.energies.sum import frozen
from triality.energy import UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples
from triality.samplers.tokens.completions import completions
from triality.samplers.tokens.ending import real_places

IN_CACHE = 2**21
"""Numbers that roll-outs side by side may hold: beyond, every pass over the vocabulary reads memory, and takes three times as long."""


@runtime_checkable
class Terminal(Protocol):
    """What a whole sequence costs, from the frozen density of the model; nats where it is an energy."""

    def __call__(self, density: UnnormalizedDensity, x: Int[Array, " length"]) -> Float[Array, ""]: ...


class EnergyOf(eqx.Module):
    """E(x): with temperature 1 the reverse KL, the density-aware generator of the paper."""

    def __call__(self, density: UnnormalizedDensity, x: Int[Array, " length"]) -> Float[Array, ""]:
        return density.energy(x)


class MinusRealness(eqx.Module):
    """-D(x) = -sigmoid(-E(x)) of a free critic -E: SeqGAN's reward, with temperature 0."""

    def __call__(self, density: UnnormalizedDensity, x: Int[Array, " length"]) -> Float[Array, ""]:
        return -jax.nn.sigmoid(-density.energy(x))


class Cost(eqx.Module):
    """What is to be minimized, with the frozen density in it.

    Args:
        density: the model.
        terminal: of a whole sequence.
        temperature: weight of log q.
    """

    density: UnnormalizedDensity
    terminal: Terminal
    temperature: Float[Array, ""]

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        return self.terminal(self.density, x)


@runtime_checkable
class Credit(Protocol):
    """R_t of every draw: from a key, the frozen generator, the cost, the draws and their log probabilities a token."""

    def __call__(
        self, key: Key[Array, ""], sampler: Any, cost: Cost, x: Int[Array, "n length"], log_q: Float[Array, "n length"]
    ) -> Float[Array, "n length"]: ...


class WholeReturn(eqx.Module):
    """All tokens share the sequence's cost."""

    def __call__(
        self, key: Key[Array, ""], sampler: Any, cost: Cost, x: Int[Array, "n length"], log_q: Float[Array, "n length"]
    ) -> Float[Array, "n length"]:
        del key, sampler
        return jax.vmap(cost)(x)[:, None] + cost.temperature * to_go(log_q)


class TokenReturn(eqx.Module):
    """For an energy with ``by_token``; a terminal cost that is not that energy has no summands, and is left out of account."""

    def __call__(
        self, key: Key[Array, ""], sampler: Any, cost: Cost, x: Int[Array, "n length"], log_q: Float[Array, "n length"]
    ) -> Float[Array, "n length"]:
        del key, sampler
        energy: Any = cost.density.energy
        return to_go(jax.vmap(energy.by_token)(x) + cost.temperature * log_q)


class RolloutReturn(eqx.Module):
    """Mean over completions of the prefix that ends in x_t; the last token needs none.

    Args:
        num_rollouts: completions of each prefix; 16 in SeqGAN.
    """

    num_rollouts: int = eqx.field(default=16, static=True)

    def __call__(
        self, key: Key[Array, ""], sampler: Any, cost: Cost, x: Int[Array, "n length"], log_q: Float[Array, "n length"]
    ) -> Float[Array, "n length"]:
        def ahead(key: Key[Array, ""], x: Int[Array, " length"]) -> Float[Array, " length_minus_1"]:
            rows, added = completions(key, sampler, x)
            return jax.vmap(cost)(rows) + cost.temperature * added

        def mean_ahead(key: Key[Array, ""], x: Int[Array, " length"]) -> Float[Array, " length_minus_1"]:
            return jnp.mean(jax.vmap(ahead, in_axes=(0, None))(jax.random.split(key, self.num_rollouts), x), axis=0)

        size = max(1, IN_CACHE // (self.num_rollouts * x.shape[1] * sampler.vocabulary))
        followed = jax.lax.map(lambda given: mean_ahead(*given), (jax.random.split(key, x.shape[0]), x), batch_size=size)
        return jnp.concatenate([followed, jax.vmap(cost)(x)[:, None]], axis=-1) + cost.temperature * log_q


class TokenScore(eqx.Module):
    """The gradient.

    Args:
        credit: R_t.
        terminal: cost of a whole sequence.
        temperature: weight of log q; 1 for the reverse KL, 0 for a reward alone.
        num_samples: draws of one gradient, at least two.

    Example:
        >>> from triality.energy import Constant
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> density = UnnormalizedDensity(lambda x: 0.1 * jnp.sum(x), Constant(0.0))
        >>> none, q = Samples.unweighted(jnp.zeros((1, 3)), jnp.zeros(1)), gru(jax.random.key(0), length=3, vocabulary=2)
        >>> gradient = eqx.filter_grad(lambda q: TokenScore(num_samples=64)(jax.random.key(1), q, density, none))(q)
        >>> bool(gradient.head.bias[1] > gradient.head.bias[0])  # the costly token has to become rarer
        True
    """

    credit: Credit = WholeReturn()
    terminal: Terminal = EnergyOf()
    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    num_samples: int = eqx.field(default=64, static=True)

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], density: UnnormalizedDensity, data: Samples) -> Float[Array, ""]:
        del data
        key_draw, key_credit = jax.random.split(key)
        generator: Any = sampler
        x = jax.lax.stop_gradient(jax.vmap(generator.sample)(spread(jax.random.split(key_draw, self.num_samples))))
        return self.of_draws(key_credit, generator, density, x)

    def of_draws(self, key: Key[Array, ""], sampler: Any, density: UnnormalizedDensity, x: Int[Array, "n length"]) -> Float[Array, ""]:
        """The same from draws of the generator as it is now."""
        log_q = jax.vmap(sampler.token_log_probs)(x)
        real = jax.vmap(lambda x: real_places(x, sampler.end))(x)
        returns = self.credit(key, frozen(sampler), Cost(density, self.terminal, self.temperature), x, log_q)
        advantage = jax.lax.stop_gradient(jnp.where(real, returns - mean_of_others(returns, real), 0.0))
        return jnp.sum(advantage * log_q) / x.shape[0]


def to_go(values: Float[Array, "n length"]) -> Float[Array, "n length"]:
    """Sum from each place on.

    Example:
        >>> to_go(jnp.array([[1.0, 2.0, 4.0]])).tolist()
        [[7.0, 6.0, 4.0]]
    """
    return jnp.cumsum(values[:, ::-1], axis=-1)[:, ::-1]


def mean_of_others(returns: Float[Array, "n length"], real: Bool[Array, "n length"]) -> Float[Array, "n length"]:
    """For each draw and place the mean over the other draws that are real there; zero where there are none.

    Example:
        >>> mean_of_others(jnp.array([[1.0], [3.0], [9.0]]), jnp.array([[True], [True], [False]])).tolist()
        [[3.0], [1.0], [2.0]]
    """
    held = jnp.where(real, returns, 0.0)
    count = jnp.sum(real, axis=0) - real
    return jnp.where(count > 0, (jnp.sum(held, axis=0) - held) / jnp.maximum(count, 1), 0.0)

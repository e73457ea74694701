"""Gradients that sum over the whole vocabulary at every place, by a critic of the token that might be written there.

    Q(x_{<t}, v):   what follows when v is written after x_{<t}

    actor-critic:       E_q[ sum_t sum_v d q(v | x_{<t}) (Q(x_{<t}, v) + temperature log q(v | x_{<t})) ]
    control variate:    the same, and  E_q[ sum_t (R_t - Q(x_{<t}, x_t) - temperature log q(x_t | x_{<t})) d log q(x_t | x_{<t}) ]

The first has no noise of the token itself, and is exact if Q is; with another Q it is biased. The second is unbiased with any Q, and its
noise is that of R_t - Q. Q holds what follows **after** v, its own log q not counted. The value of the scalar means nothing.

References: Bahdanau et al., An actor-critic algorithm for sequence prediction, arXiv:1607.07086; Gu et al., Q-Prop, arXiv:1611.02247.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.devices.placement import spread
from triality.energies.sum import frozen
from triality.energy import UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples
from triality.samplers.tokens.ending import real_places
from triality.updates.sampler.token_score import Cost, Credit, EnergyOf, Terminal, WholeReturn


@runtime_checkable
class Critic(Protocol):
    """Q of every token at every place of a sequence, from the tokens before it."""

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, "length vocabulary"]: ...


class AllTokens(eqx.Module):
    """The actor-critic gradient; with ``credit`` the unbiased one, Q its control variate.

    Args:
        critic: Q, frozen.
        credit: R_t of the correction; None leaves it out.
        terminal: cost of a whole sequence, of the correction.
        temperature: weight of log q.
        num_samples: draws of one gradient.
    """

    critic: Critic
    credit: Credit | None = None
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
        log_law = jax.nn.log_softmax(jax.vmap(sampler.logits)(x))
        real = jax.vmap(lambda x: real_places(x, sampler.end))(x)
        ahead = jax.lax.stop_gradient(jax.vmap(self.critic)(x) + self.temperature * log_law)
        scalar = jnp.sum(jnp.where(real[..., None], jnp.exp(log_law) * ahead, 0.0))
        if self.credit is not None:
            log_q = jnp.where(real, _at(log_law, x), 0.0)
            returns = self.credit(key, frozen(sampler), Cost(density, self.terminal, self.temperature), x, log_q)
            scalar = scalar + jnp.sum(jax.lax.stop_gradient(jnp.where(real, returns - _at(ahead, x), 0.0)) * log_q)
        return scalar / x.shape[0]


def _at(values: Float[Array, "n length vocabulary"], x: Int[Array, "n length"]) -> Float[Array, "n length"]:
    return jnp.take_along_axis(values, x[..., None], axis=-1)[..., 0]


def control_variate(critic: Critic, temperature: float = 1.0, num_samples: int = 64) -> AllTokens:
    """Unbiased, the sequence's own cost as R_t."""
    return AllTokens(critic, WholeReturn(), EnergyOf(), jnp.asarray(temperature), num_samples)

"""A correction of a generator of tokens: E(x) = -log q_0(x) + f(x), q_0 frozen, with all that gradients of tokens ask of an energy.

by token:   E = sum_t [ -log q_0(x_t | x_{<t}) + f_t ]      where f is a sum over tokens
relaxed:    of rows of weights: -sum_t sum_v w_tv log q_0(v | w_{<t}) + f(w)
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float, Int

from triality.energies.sequence import SequenceEnergy
from triality.energies.sum import frozen
from triality.samplers.tokens.relaxed import relaxed_log_prob
from triality.samplers.tokens.token_sampler import TokenSampler


class TiltedSequenceEnergy(eqx.Module):
    """See the module; ``tilted(sampler, tilt)`` is the same function of x alone.

    Args:
        sampler: q_0; no gradient reaches it.
        tilt: f.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.energies.sequence import token_energy
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, x = gru(jax.random.key(0), length=3, vocabulary=4), jnp.array([2, 0, 1])
        >>> energy = TiltedSequenceEnergy(q, token_energy(jax.random.key(1), 4))
        >>> bool(jnp.allclose(jnp.sum(energy.by_token(x)), energy(x), atol=1e-5))
        True
    """

    sampler: TokenSampler
    tilt: SequenceEnergy

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        return -frozen(self.sampler).log_prob(x) + self.tilt(x)

    def by_token(self, x: Int[Array, " length"]) -> Float[Array, " length"]:
        """The summands, zero after the end.

        Raises:
            ConfigError: f reads a sequence as a whole.
        """
        return -frozen(self.sampler).token_log_probs(x) + self.tilt.by_token(x)

    def relaxed(self, weights: Float[Array, "length vocabulary"]) -> Float[Array, ""]:
        """The energy of mixed tokens."""
        return -relaxed_log_prob(frozen(self.sampler), weights) + self.tilt.relaxed(weights)

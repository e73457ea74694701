"""Boltzmann machine without hidden units on at most 16 bits: every sum over states is done, so log Z, draws and divergences are exact.

    E(x) = theta . f(x),     f(x) = (x_i; x_i x_j, i < j),     log Z = logsumexp over all 2^d states of -E

The Ising model in the variables s = 2x - 1 is one of these: ``ising_chain`` gives the weights.

Reference: Ackley, Hinton, Sejnowski, A learning algorithm for Boltzmann machines, Cognitive Science 9 (1985).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.energies.linear import LinearEnergy, pairwise_features
from triality.errors import ConfigError
from triality.partition.exact import binary_vectors
from triality.sampler import AbstractSampler

MOST_BITS = 16


class PairwiseBinary(AbstractSampler[Int[Array, " dim"]]):
    """A law of d bits given by fields and pair interactions; density with respect to counting.

    Args:
        model: E, linear in the pairwise features.
        log_table: -E of every state, its bits split in two halves: row = the first, column = the second.

    Example:
        >>> target = pairwise_binary(jnp.array([0.0, 0.0, -jnp.log(3.0)]), 2)  # both bits on: three times as likely as any other state
        >>> round(float(jnp.exp(target.log_prob(jnp.array([1, 1])))), 6), round(float(jnp.exp(target.log_z)), 6)
        (0.5, 6.0)
    """

    model: LinearEnergy
    log_table: Float[Array, "rows columns"]

    def energy(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """theta . f(x), not normalized, in nats."""
        return self.model(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``, exact."""
        return jax.nn.logsumexp(self.log_table)

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """-E(x) - log Z; -inf where a value is neither 0 nor 1."""
        inside = jnp.all((x == 0) | (x == 1))
        return jnp.where(inside, -self.energy(x) - self.log_z, -jnp.inf)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        """Exact: the first half of the bits from its marginal, the second given the first."""
        key_row, key_column = jax.random.split(key)
        row = jax.random.categorical(key_row, jax.nn.logsumexp(self.log_table, axis=1))
        column = jax.random.categorical(key_column, self.log_table[row])
        x = jnp.concatenate([_bits(row, self.log_table.shape[0]), _bits(column, self.log_table.shape[1])])
        return x, self.log_prob(x)

    @property
    def table(self) -> tuple[Int[Array, "states dim"], Float[Array, " states"]]:
        """All states, and the log probability of each: what ``divergence.exact_divergences`` takes."""
        dim = (self.log_table.size - 1).bit_length()
        return binary_vectors(dim), self.log_table.ravel() - self.log_z


def pairwise_binary(weights: Float[Array, " k"], dim: int) -> PairwiseBinary:
    """From theta = (d fields; d(d - 1)/2 interactions, by rows). A positive weight makes its feature unlikely.

    Raises:
        ConfigError: more than 16 bits or fewer than 2; another number of weights.
    """
    if not 2 <= dim <= MOST_BITS:
        raise ConfigError(f"expected 2 to {MOST_BITS} bits, got {dim}; estimate log Z of larger models")
    if weights.shape != (dim * (dim + 1) // 2,):
        raise ConfigError(f"expected {dim * (dim + 1) // 2} weights for {dim} bits, got {weights.shape[0]}; give fields, then pairs i < j")
    model = LinearEnergy(pairwise_features, weights)
    values = jax.lax.map(lambda x: -model(x), binary_vectors(dim), batch_size=4096)
    return PairwiseBinary(model, values.reshape(2 ** (dim // 2), -1))


def random_pairwise(key: Key[Array, ""], dim: int = 8, field: float = 1.0, coupling: float = 0.5) -> PairwiseBinary:
    """Normal weights of standard deviations ``field`` and ``coupling``: no symmetry is left that could hide a sign."""
    scale = jnp.concatenate([jnp.full(dim, field), jnp.full(dim * (dim - 1) // 2, coupling)])
    return pairwise_binary(scale * jax.random.normal(key, scale.shape), dim)


def ising_chain(dim: int = 8, coupling: float = 0.5, field: float = 0.0) -> PairwiseBinary:
    """-E = coupling sum_i s_i s_{i+1} + field sum_i s_i on an open chain, s = 2x - 1, up to a constant that log Z carries.

    s_i s_j = 4 x_i x_j - 2 x_i - 2 x_j + 1, so log Z here is the chain's minus (d - 1) coupling plus d field.
    """
    row, column = jnp.triu_indices(dim, 1)
    pairs = jnp.where(column == row + 1, -4.0 * coupling, 0.0)
    num_neighbors = jnp.full(dim, 2.0).at[jnp.array([0, dim - 1])].set(1.0)
    return pairwise_binary(jnp.concatenate([2.0 * coupling * num_neighbors - 2.0 * field, pairs]), dim)


def _bits(index: Int[Array, ""], num_states: int) -> Int[Array, " bits"]:
    """Binary digits, the most significant first."""
    num_bits = (num_states - 1).bit_length()
    return (index >> jnp.arange(num_bits - 1, -1, -1)) & 1

"""Energies of whole sequences of tokens: an embedding, and a body that reads all places at once.

    E(x) = body(e(x_0), ..., e(x_{T-1});  which places are real)

``relaxed`` is the same energy of rows of weights over the vocabulary in place of tokens, linear in the embedding: what a relaxed draw
(Gumbel-softmax) is scored by, and equal to E at rows that are tokens. No output has a bias, so that log Z is the only constant (D5).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from triality.errors import ConfigError
from triality.samplers.tokens.core import Core, gru_core
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.transformer import INITIAL_SCALE, Block, block


@runtime_checkable
class Body(Protocol):
    """From embedded tokens to a number in nats; places that are not real must not matter."""

    def __call__(self, u: Float[Array, "length inputs"], real: Bool[Array, " length"]) -> Float[Array, ""]: ...


class SequenceEnergy(eqx.Module):
    """E(x) of a sequence of tokens.

    Args:
        embedding: a row a token.
        body: from embedded tokens to nats.
        end: the token that ends a sequence, None for fixed length; static.

    Example:
        >>> energy = convolutional_sequence_energy(jax.random.key(0), vocabulary=5, length=6, end=0)
        >>> float(energy(jnp.array([3, 1, 0, 0, 0, 0]))) == float(energy.relaxed(jax.nn.one_hot(jnp.array([3, 1, 0, 0, 0, 0]), 5)))
        True
    """

    embedding: Float[Array, "vocabulary inputs"]
    body: Body
    end: int | None = eqx.field(static=True, default=None)

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        return self.body(self.embedding[x], real_places(x, self.end))

    def relaxed(self, weights: Float[Array, "length vocabulary"]) -> Float[Array, ""]:
        """The energy of mixed embeddings; a place is real up to the first whose largest weight is the end token's."""
        return self.body(weights @ self.embedding, real_places(jnp.argmax(weights, axis=-1), self.end))

    def by_token(self, x: Int[Array, " length"]) -> Float[Array, " length"]:
        """The summands of an energy that is a sum over its tokens, zero after the end (generation as decisions).

        Raises:
            ConfigError: the body reads a sequence as a whole.
        """
        if not isinstance(self.body, CausalBody):
            raise ConfigError(f"expected an energy that is a sum over tokens, got a body {type(self.body).__name__}; use token_energy")
        return self.body.by_token(self.embedding[x], real_places(x, self.end))


class ConvolutionalBody(eqx.Module):
    """Filters of several widths, the largest response of each over the sequence, one layer, one number (Kim 2014, arXiv:1408.5882).

    Args:
        filters: for each width, weights of shape (width, inputs, filters).
        hidden: from the pooled responses.
        readout: without bias.
    """

    filters: tuple[Float[Array, "_ inputs filters"], ...]
    hidden: Float[Array, "pooled hidden"]
    readout: Float[Array, " hidden"]

    def __call__(self, u: Float[Array, "length inputs"], real: Bool[Array, " length"]) -> Float[Array, ""]:
        u = jnp.where(real[:, None], u, 0.0)
        pooled = jnp.concatenate([_largest(u, real, weights) for weights in self.filters])
        return jax.nn.silu(pooled @ self.hidden) @ self.readout


class AttentiveBody(eqx.Module):
    """A transformer without causality, every real place seeing every other; the mean of what comes out, one number.

    Args:
        positions: one row a place.
        blocks: any number.
        last: norm before the mean.
        readout: without bias.
    """

    positions: Float[Array, "length features"]
    blocks: tuple[Block, ...]
    last: eqx.nn.LayerNorm
    readout: Float[Array, " features"]

    def __call__(self, u: Float[Array, "length features"], real: Bool[Array, " length"]) -> Float[Array, ""]:
        x = u + self.positions[: len(u)]
        seen = jnp.broadcast_to(real, (len(u), len(u)))  # the first place is always real, so that no row is empty
        for each in self.blocks:
            x = each.over(x, seen)
        mean = jnp.sum(jnp.where(real[:, None], jax.vmap(self.last)(x), 0.0), axis=0) / jnp.sum(real)
        return mean @ self.readout


class CausalBody(eqx.Module):
    """A sum over tokens, each scored when it has been read: c(x_{<t}, x_t) = w h_t, h_t = core(x_0 ... x_t)."""

    core: Core
    readout: Float[Array, " features"]

    def __call__(self, u: Float[Array, "length inputs"], real: Bool[Array, " length"]) -> Float[Array, ""]:
        return jnp.sum(self.by_token(u, real))

    def by_token(self, u: Float[Array, "length inputs"], real: Bool[Array, " length"]) -> Float[Array, " length"]:
        """The summands."""
        return jnp.where(real, self.core.over(u) @ self.readout, 0.0)


def convolutional_sequence_energy(
    key: Key[Array, ""],
    vocabulary: int,
    length: int,
    inputs: int = 32,
    widths: tuple[int, ...] = (1, 2, 3, 4, 5),
    num_filters: int = 64,
    hidden: int = 64,
    end: int | None = None,
) -> SequenceEnergy:
    """Begins nearly flat. Widths beyond the length are left out."""
    key_embedding, key_hidden, key_readout, *keys = jax.random.split(key, 3 + len(widths))
    fitting = [(width, k) for width, k in zip(widths, keys, strict=True) if width <= length]
    filters = tuple(jax.random.normal(k, (w, inputs, num_filters)) / jnp.sqrt(w * inputs) for w, k in fitting)
    pooled = num_filters * len(filters)
    body = ConvolutionalBody(
        filters,
        jax.random.normal(key_hidden, (pooled, hidden)) / jnp.sqrt(pooled),
        INITIAL_SCALE * jax.random.normal(key_readout, (hidden,)),
    )
    return SequenceEnergy(jax.random.normal(key_embedding, (vocabulary, inputs)), body, end)


def attentive_sequence_energy(
    key: Key[Array, ""],
    vocabulary: int,
    length: int,
    features: int = 64,
    num_blocks: int = 2,
    num_heads: int = 4,
    end: int | None = None,
) -> SequenceEnergy:
    """Begins nearly flat.

    Raises:
        ConfigError: heads that do not divide the features.
    """
    key_embedding, key_positions, key_readout, *keys = jax.random.split(key, 3 + num_blocks)
    body = AttentiveBody(
        INITIAL_SCALE * jax.random.normal(key_positions, (length, features)),
        tuple(block(k, features, num_heads) for k in keys),
        eqx.nn.LayerNorm(features),
        INITIAL_SCALE * jax.random.normal(key_readout, (features,)),
    )
    return SequenceEnergy(jax.random.normal(key_embedding, (vocabulary, features)), body, end)


def token_energy(key: Key[Array, ""], vocabulary: int, inputs: int = 32, hidden: int = 64, end: int | None = None) -> SequenceEnergy:
    """A sum over tokens read by a gated recurrent unit; begins nearly flat."""
    key_embedding, key_core, key_readout = jax.random.split(key, 3)
    body = CausalBody(gru_core(key_core, inputs, hidden), INITIAL_SCALE * jax.random.normal(key_readout, (hidden,)))
    return SequenceEnergy(jax.random.normal(key_embedding, (vocabulary, inputs)), body, end)


def _largest(
    u: Float[Array, "length inputs"], real: Bool[Array, " length"], weights: Float[Array, "width inputs filters"]
) -> Float[Array, " filters"]:
    """Of the responses of windows that begin at a real place; beyond the last place there are zeros."""
    width = weights.shape[0]
    padded = jnp.pad(u, ((0, width - 1), (0, 0)))
    windows = jnp.concatenate([padded[i : i + len(u)] for i in range(width)], axis=-1)
    responses = jax.nn.silu(windows @ weights.reshape(-1, weights.shape[-1]))
    return jnp.max(jnp.where(real[:, None], responses, -jnp.inf), axis=0)

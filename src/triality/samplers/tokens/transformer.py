"""A causal transformer with a key-value cache: one block serves the density, over all places at once, and the draw, one place at a time.

    x <- x + attend(norm(x)),   x <- x + W_2 gelu(W_1 norm(x)),     place t sees places 0 .. t

Pre-norm, learned positions. Reference: Vaswani et al., arXiv:1706.03762; Radford et al. 2019 (the placing of the norms).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from triality.errors import ConfigError

INITIAL_SCALE = 0.02


class Cache(NamedTuple):
    """What one block has seen. Places that were not reached yet hold zeros, and are masked."""

    keys: Float[Array, "length heads size"]
    values: Float[Array, "length heads size"]


class Block(eqx.Module):
    """Attention, then a perceptron, each beside a way straight on.

    Args:
        before_attention, before_perceptron: norms.
        query, key, value, out: of attention; out begins at zero, so that the block begins as the identity but for the perceptron.
        widen, narrow: of the perceptron.
        num_heads: static.
    """

    before_attention: eqx.nn.LayerNorm
    before_perceptron: eqx.nn.LayerNorm
    query: Float[Array, "features features"]
    key: Float[Array, "features features"]
    value: Float[Array, "features features"]
    out: Float[Array, "features features"]
    widen: Float[Array, "features wide"]
    narrow: Float[Array, "wide features"]
    num_heads: int = eqx.field(static=True)

    def step(self, cache: Cache, place: Int[Array, ""], x: Float[Array, " features"]) -> tuple[Cache, Float[Array, " features"]]:
        """One place, the places before it from the cache."""
        normed = self.before_attention(x)
        keys = cache.keys.at[place].set(self._heads(normed @ self.key))
        values = cache.values.at[place].set(self._heads(normed @ self.value))
        seen = jnp.arange(keys.shape[0]) <= place
        return Cache(keys, values), self._onward(x, attend(self._heads(normed @ self.query), keys, values, seen))

    def over(self, x: Float[Array, "length features"], seen: Bool[Array, "length length"]) -> Float[Array, "length features"]:
        """All places; ``seen[t, s]``: t attends to s."""
        normed = jax.vmap(self.before_attention)(x)
        queries, keys, values = (jax.vmap(self._heads)(normed @ weight) for weight in (self.query, self.key, self.value))
        mixed = jax.vmap(attend, in_axes=(0, None, None, 0))(queries, keys, values, seen)
        return jax.vmap(self._onward)(x, mixed)

    def _heads(self, x: Float[Array, " features"]) -> Float[Array, "heads size"]:
        return x.reshape(self.num_heads, -1)

    def _onward(self, x: Float[Array, " features"], mixed: Float[Array, "heads size"]) -> Float[Array, " features"]:
        x = x + mixed.reshape(-1) @ self.out
        return x + jax.nn.gelu(self.before_perceptron(x) @ self.widen) @ self.narrow


def attend(
    query: Float[Array, "heads size"],
    keys: Float[Array, "length heads size"],
    values: Float[Array, "length heads size"],
    seen: Bool[Array, " length"],
) -> Float[Array, "heads size"]:
    """softmax(q k / sqrt(size)) v of one place, head by head, over the places that are seen.

    Example:
        >>> attend(jnp.ones((1, 2)), jnp.zeros((3, 1, 2)), jnp.arange(6.0).reshape(3, 1, 2), jnp.array([True, True, False])).tolist()
        [[1.0, 2.0]]
    """
    scores = jnp.einsum("hd,lhd->hl", query, keys) / math.sqrt(query.shape[-1])
    return jnp.einsum("hl,lhd->hd", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)), values)


class TransformerCore(eqx.Module):
    """A stack of causal blocks.

    Args:
        lift: from inputs to features.
        positions: added to the lifted inputs; one row for each place.
        blocks: any number.
        last: norm of what comes out.

    Example:
        >>> core = transformer_core(jax.random.key(0), inputs=3, length=5, features=8, num_blocks=2, num_heads=2)
        >>> carry, h = core.step(core.start(5), jnp.ones(3))
        >>> bool(jnp.allclose(core.over(jnp.ones((5, 3)))[0], h, atol=1e-6))
        True
    """

    lift: Float[Array, "inputs features"]
    positions: Float[Array, "length features"]
    blocks: tuple[Block, ...]
    last: eqx.nn.LayerNorm

    @property
    def num_features(self) -> int:
        """Width of a block."""
        return self.positions.shape[1]

    def start(self, length: int) -> tuple[Int[Array, ""], tuple[Cache, ...]]:
        """At the first place, with empty caches."""
        shape = (length, self.blocks[0].num_heads, self.num_features // self.blocks[0].num_heads) if self.blocks else (0, 1, 1)
        empty = jnp.zeros(shape, self.positions.dtype)
        return jnp.zeros((), jnp.int32), tuple(Cache(empty, empty) for _ in self.blocks)

    def step(self, carry: Any, u: Float[Array, " inputs"]) -> tuple[Any, Float[Array, " features"]]:
        """One place."""
        place, caches = carry
        x, after = u @ self.lift + self.positions[place], []
        for block, cache in zip(self.blocks, caches, strict=True):
            cache, x = block.step(cache, place, x)
            after.append(cache)
        return (place + 1, tuple(after)), self.last(x)

    def over(self, inputs: Float[Array, "length inputs"]) -> Float[Array, "length features"]:
        """All places, each seeing itself and those before it."""
        x = inputs @ self.lift + self.positions[: len(inputs)]
        seen = jnp.tri(len(inputs), dtype=bool)
        for block in self.blocks:
            x = block.over(x, seen)
        return jax.vmap(self.last)(x)


def block(key: Key[Array, ""], features: int, num_heads: int) -> Block:
    """A block of four times the width inside.

    Raises:
        ConfigError: heads that do not divide the features.
    """
    if features < 1 or num_heads < 1 or features % num_heads:
        raise ConfigError(f"expected heads that divide the features, got features = {features}, num_heads = {num_heads}; change one")
    keys = jax.random.split(key, 5)
    square, wide = (features, features), 4 * features
    norms = eqx.nn.LayerNorm(features), eqx.nn.LayerNorm(features)
    weights = [jax.random.normal(k, square) / math.sqrt(features) for k in keys[:3]]
    widen = jax.random.normal(keys[3], (features, wide)) / math.sqrt(features)
    narrow = INITIAL_SCALE * jax.random.normal(keys[4], (wide, features))
    return Block(*norms, weights[0], weights[1], weights[2], jnp.zeros(square), widen, narrow, num_heads)


def transformer_core(
    key: Key[Array, ""], inputs: int, length: int, features: int = 64, num_blocks: int = 2, num_heads: int = 4
) -> TransformerCore:
    """A stack for sequences of at most ``length``.

    Raises:
        ConfigError: no place or no input, or heads that do not divide the features.
    """
    if inputs < 1 or length < 1 or num_blocks < 0:
        raise ConfigError(
            f"expected one input and one place or more, got inputs = {inputs}, length = {length}, num_blocks = {num_blocks}; "
            "give larger ones"
        )
    key_lift, key_positions, *keys = jax.random.split(key, num_blocks + 2)
    lift = jax.random.normal(key_lift, (inputs, features)) / math.sqrt(inputs)
    positions = INITIAL_SCALE * jax.random.normal(key_positions, (length, features))
    return TransformerCore(lift, positions, tuple(block(k, features, num_heads) for k in keys), eqx.nn.LayerNorm(features))

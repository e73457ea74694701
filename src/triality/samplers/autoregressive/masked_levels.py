"""Integers through a masked perceptron: log probability and draws in any order of the coordinates.

log q(x) = sum_i log softmax(o_i(x_j : rank of j below that of i))[x_i]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.samplers.autoregressive.masked_perceptron import MaskedPerceptron, Ranks, masked_perceptron
from triality.samplers.batch_last import batch_last


class MaskedLevels(eqx.Module):
    """A coordinate has one input a level; or, where there is one fewer, none for the level 0, which then looks like one not seen.

    Args:
        net: one output a level.

    Example:
        >>> import numpy as np
        >>> levels = masked_levels(jax.random.key(0), 2, (8,), 2, 1)
        >>> float(jnp.exp(levels.log_prob(jnp.array([0, 1]), np.array([1, 2]))))
        0.25
    """

    net: MaskedPerceptron

    @property
    def num_levels(self) -> int:
        """Values of a coordinate, 0 .. num_levels - 1."""
        return self.net.sizes_each[1]

    def logits(self, x: Int[Array, " dim"], ranks: Ranks) -> Float[Array, "dim levels"]:
        """Unnormalized log probabilities of every coordinate given those of lower rank."""
        return self.net(self._inputs(x), ranks)

    def log_prob(self, x: Int[Array, " dim"], ranks: Ranks) -> Float[Array, ""]:
        """-inf where a value is outside 0 .. num_levels - 1."""
        inside = (x >= 0) & (x < self.num_levels)
        safe = jnp.where(inside, x, 0)
        conditionals = jax.nn.log_softmax(self.logits(safe, ranks), axis=-1)
        picked = jnp.take_along_axis(conditionals, safe[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(inside, picked, -jnp.inf))

    def draw(self, key: Key[Array, ""], order: Int[Array, " dim"]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        """One draw with its log probability, coordinate ``order[0]`` first: uniform noise through each conditional's distribution."""
        noise = jax.random.uniform(key, (self.net.dim,), self.net.skip.dtype)
        return batch_last(_drawn)((self, order), noise)

    def _inputs(self, x: Int[Array, "*dim"]) -> Float[Array, "*dim inputs"]:
        return (x[..., None] == self._input_levels).astype(self.net.skip.dtype)

    @property
    def _input_levels(self) -> Int[Array, " inputs"]:
        return jnp.arange(self.num_levels - self.net.sizes_each[0], self.num_levels)


def _drawn(drawing: tuple[MaskedLevels, Int[Array, " dim"]], noise: Float[Array, " dim *batch"]) -> tuple[Array, Array]:
    (levels, order), batch = drawing, noise.shape[1:]
    values, every = (each.reshape(-1, *(1 for _ in batch)) for each in (levels._input_levels, jnp.arange(levels.num_levels)))

    def choose(t: Any, i: Any, logits: Float[Array, " levels *batch"]) -> tuple[Float[Array, " inputs *batch"], Float[Array, "*batch"]]:
        del i
        conditional = jax.nn.log_softmax(logits, axis=0)
        drawn = jnp.sum(noise[t] >= jnp.cumsum(jnp.exp(conditional), axis=0)[:-1], axis=0)
        return (drawn == values).astype(noise.dtype), jnp.sum(jnp.where(drawn == every, conditional, 0.0), axis=0)

    inputs, log_q = levels.net.fill(order, choose, batch)
    return jnp.sum(inputs * values, axis=1).astype(jnp.int32), log_q


def masked_levels(
    key: Key[Array, ""],
    dim: int,
    hidden: Sequence[int],
    num_levels: int,
    inputs_each: int,
    marginals: Float[Array, "dim levels"] | None = None,
) -> MaskedLevels:
    """One that begins at independent coordinates: with the given ``marginals``, or uniform.

    Raises:
        ConfigError: no coordinate, fewer than two levels, or no hidden layer.
    """
    if dim < 1 or num_levels < 2:
        raise ConfigError(f"expected at least one coordinate of two levels, got dim = {dim}, num_levels = {num_levels}; check the data")
    net = masked_perceptron(key, dim, hidden, inputs_each, num_levels)
    if marginals is not None:
        net = eqx.tree_at(lambda net: net.biases[-1], net, jnp.log(marginals).reshape(-1))
    return MaskedLevels(net)

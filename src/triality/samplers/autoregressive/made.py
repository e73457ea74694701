"""MADE: all conditionals of a vector of small integers from one masked perceptron (Germain, Gregor, Murray, Larochelle 2015).

    log q(x) = sum_i log softmax(o_i(x_1 .. x_{i-1}))[x_i]

A weight is kept where the unit before it has a degree no larger than (hidden) or smaller than (output) the unit after it: output i sees
inputs 1 .. i-1 and nothing else. The density is one pass, a draw is one pass a coordinate, in one compiled loop.
Reference: arXiv:1502.03509.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler


class Made(AbstractSampler[Int[Array, " dim"]]):
    """A masked perceptron over ``dim`` coordinates of ``num_levels`` values; density with respect to counting measure.

    Draws carry no gradient.

    Args:
        weights: of each layer, before masking.
        biases: of each layer; the last is (dim * num_levels,), the marginals at the start.
        skip: from input to output, before masking.
        dim: coordinates.
        num_levels: values of a coordinate, 0 .. num_levels - 1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.partition.exact import binary_vectors
        >>> q = made(jax.random.key(0), 3)
        >>> float(jax.nn.logsumexp(jax.vmap(q.log_prob)(binary_vectors(3))).__round__(9)) + 0.0
        0.0
    """

    weights: list[Float[Array, "_ _"]]
    biases: list[Float[Array, " _"]]
    skip: Float[Array, "_ _"]
    dim: int = eqx.field(static=True)
    num_levels: int = eqx.field(static=True)

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is outside 0 .. num_levels - 1."""
        inside = (x >= 0) & (x < self.num_levels)
        safe = jnp.where(inside, x, 0)
        conditionals = jax.nn.log_softmax(self.logits(safe), axis=-1)
        picked = jnp.take_along_axis(conditionals, safe[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(inside, picked, -jnp.inf))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        def fill(i: Int[Array, ""], x: Int[Array, " dim"]) -> Int[Array, " dim"]:
            drawn = jax.random.categorical(jax.random.fold_in(key, i), self.logits(x)[i])
            return x.at[i].set(drawn.astype(x.dtype))

        x = jax.lax.fori_loop(0, self.dim, fill, jnp.zeros(self.dim, jnp.int32))
        return x, self.log_prob(x)

    def logits(self, x: Int[Array, " dim"]) -> Float[Array, "dim levels"]:
        """Unnormalized log probabilities of every coordinate given those before it."""
        masks, skip_mask = masks_of([weight.shape[1] for weight in self.weights[:-1]], self.dim, self.num_levels)
        features = _encoded(x, self.num_levels).astype(self.skip.dtype)
        hidden = features
        for weight, bias, mask in zip(self.weights[:-1], self.biases, masks, strict=False):
            hidden = jax.nn.silu(hidden @ jnp.where(mask, weight, 0.0) + bias)
        out = hidden @ jnp.where(masks[-1], self.weights[-1], 0.0) + features @ jnp.where(skip_mask, self.skip, 0.0) + self.biases[-1]
        return out.reshape(self.dim, self.num_levels)


def made(
    key: Key[Array, ""],
    dim: int,
    hidden: Sequence[int] = (128,),
    num_levels: int = 2,
    marginals: Float[Array, "dim levels"] | None = None,
) -> Made:
    """A MADE that begins at independent coordinates: with the given ``marginals``, or uniform.

    Raises:
        ConfigError: no coordinate, or fewer than two levels.
    """
    if dim < 1 or num_levels < 2:
        raise ConfigError(f"expected at least one coordinate of two levels, got dim = {dim}, num_levels = {num_levels}; check the data")
    width = dim * (num_levels - 1)
    sizes = [width, *hidden, dim * num_levels]
    keys = jax.random.split(key, len(sizes) - 1)
    gains = [1.0] * (len(sizes) - 2) + [0.0]
    pairs = zip(keys, sizes[:-1], sizes[1:], gains, strict=True)
    weights = [gain * jax.random.normal(k, (i, o)) / jnp.sqrt(i) for k, i, o, gain in pairs]
    biases = [jnp.zeros(size) for size in sizes[1:]]
    if marginals is not None:
        biases[-1] = jnp.log(marginals).reshape(-1)
    return Made(weights, biases, jnp.zeros((width, dim * num_levels)), dim, num_levels)


def masks_of(hidden: Sequence[int], dim: int, num_levels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Masks of every layer and of the skip connection: constants, made anew at each trace, so that no optimizer ever sees them."""
    of_input = np.repeat(np.arange(1, dim + 1), num_levels - 1)
    of_output = np.repeat(np.arange(1, dim + 1), num_levels)
    degrees = [of_input, *(1 + np.arange(size) % max(dim - 1, 1) for size in hidden)]
    masks = [before[:, None] <= after[None] for before, after in itertools.pairwise(degrees)]
    last = degrees[-1][:, None] < of_output[None]
    return [*masks, last], of_input[:, None] < of_output[None]


def _encoded(x: Int[Array, " dim"], num_levels: int) -> Bool[Array, " features"]:
    """One-hot without the level 0; for binary vectors the vector itself."""
    return (x[:, None] == jnp.arange(1, num_levels)).reshape(-1)

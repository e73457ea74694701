"""All conditionals of a vector from one pass: a perceptron that lets each coordinate see those of lower rank and nothing else.

    rank r_i in 1 .. dim of a coordinate; degree d_j in 1 .. dim - 1 of a hidden unit
    kept: input i to unit j where r_i <= d_j;  unit j to unit k where d_j <= d_k;  unit j to output i where d_j < r_i

A unit of degree d is final once the d coordinates of lowest rank are known. Coordinate by coordinate, each unit is therefore computed once,
and a draw costs as much as one density, not one density a coordinate.
Reference: Germain, Gregor, Murray, Larochelle, MADE, arXiv:1502.03509.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError

Ranks = np.ndarray | Int[Array, " dim"]
Choice = Callable[[Int[Array, ""], Int[Array, ""], Float[Array, " outputs *batch"]], tuple[Float[Array, " inputs *batch"], Any]]


class MaskedPerceptron(eqx.Module):
    """Outputs of every coordinate given the inputs of those of lower rank; ranks come with each call, so that weights serve many orders.

    Args:
        weights: of each layer, before masking.
        biases: of each layer; the last is (dim * outputs_each,).
        skip: from input to output, before masking.
        dim: coordinates.

    Example:
        >>> net = masked_perceptron(jax.random.key(0), 3, (8,), 1, 2)
        >>> net(jnp.zeros((3, 1)), np.array([1, 2, 3])).shape
        (3, 2)
    """

    weights: list[Float[Array, "_ _"]]
    biases: list[Float[Array, " _"]]
    skip: Float[Array, "_ _"]
    dim: int = eqx.field(static=True)

    def __call__(self, inputs: Float[Array, "dim inputs"], ranks: Ranks) -> Float[Array, "dim outputs"]:
        """All coordinates in one pass."""
        masks, skip_mask = masks_of([bias.shape[0] for bias in self.biases[:-1]], ranks, *self.sizes_each)
        before = hidden = inputs.reshape(-1)
        for weight, bias, mask in zip(self.weights[:-1], self.biases, masks, strict=False):
            hidden = jax.nn.silu(hidden @ jnp.where(mask, weight, 0.0) + bias)
        out = hidden @ jnp.where(masks[-1], self.weights[-1], 0.0) + before @ jnp.where(skip_mask, self.skip, 0.0) + self.biases[-1]
        return out.reshape(self.dim, -1)

    def fill(self, order: Int[Array, " dim"], choose: Choice, batch: tuple[int, ...] = ()) -> tuple[Array, Any]:
        """Inputs found one by one: ``choose(t, i, outputs of i)`` gives those of coordinate i = order[t], and something to add up.

        Inputs not yet found are zero. Shapes are those of one sample, with ``batch`` after them.
        """
        layers, (inputs_each, outputs_each) = self._by_degree(), self.sizes_each
        readout = self._rows_by_degree(self.weights[-1]).T.reshape(self.dim, outputs_each, -1)
        skip = self.skip.T.reshape(self.dim, outputs_each, -1)
        bias = self.biases[-1].reshape(self.dim, outputs_each)

        def along(bias: Array) -> Array:
            return bias.reshape(*bias.shape, *(1 for _ in batch))

        def chosen_next(inputs: Array, last: Array, t: Any) -> tuple[Array, Any]:
            i = order[t]
            chosen, extra = choose(t, i, readout[i] @ last + skip[i] @ _flat(inputs) + along(bias[i]))
            return inputs.at[i].set(chosen), extra

        def step(carry: tuple[Array, list[Array], Any], t: Any) -> tuple[Any, None]:
            inputs, units, total = carry
            inputs, extra = chosen_next(inputs, units[-1], t)
            before, after = _flat(inputs), []
            for (weight, bias_of), unit in zip(layers, units, strict=True):  # those of degree t + 1
                fresh = jax.nn.silu(weight[t] @ before + along(bias_of[t]))
                before = jax.lax.dynamic_update_slice_in_dim(unit, fresh, t * bias_of.shape[1], 0)
                after.append(before)
            return (inputs, after, total + extra), None

        units = [jnp.zeros((bias_of.size, *batch), bias_of.dtype) for _, bias_of in layers]
        start = (jnp.zeros((self.dim, inputs_each, *batch), self.skip.dtype), units, jnp.zeros(batch, self.skip.dtype))
        (inputs, units, total), _ = jax.lax.scan(step, start, jnp.arange(self.dim - 1))
        inputs, extra = chosen_next(inputs, units[-1], self.dim - 1)
        return inputs, total + extra

    @property
    def sizes_each(self) -> tuple[int, int]:
        """Inputs and outputs a coordinate."""
        return self.skip.shape[0] // self.dim, self.skip.shape[1] // self.dim

    def _by_degree(self) -> list[tuple[Float[Array, "degrees each before"], Float[Array, "degrees each"]]]:
        """Hidden layers with their units grouped by degree, groups filled up with idle units."""
        found, num_degrees = [], _num_degrees(self.dim)
        for number, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases, strict=False)):
            rows = weight if number == 0 else self._rows_by_degree(weight)
            idle = -bias.shape[0] % num_degrees
            columns = jnp.pad(rows, ((0, 0), (0, idle))).reshape(rows.shape[0], -1, num_degrees)
            found.append((columns.T, jnp.pad(bias, (0, idle)).reshape(-1, num_degrees).T))
        return found

    def _rows_by_degree(self, weight: Float[Array, "before after"]) -> Float[Array, "padded after"]:
        num_degrees = _num_degrees(self.dim)
        padded = jnp.pad(weight, ((0, -weight.shape[0] % num_degrees), (0, 0)))
        return padded.reshape(-1, num_degrees, weight.shape[1]).swapaxes(0, 1).reshape(padded.shape)


def masked_perceptron(key: Key[Array, ""], dim: int, hidden: Sequence[int], inputs_each: int, outputs_each: int) -> MaskedPerceptron:
    """One whose outputs are zero at first, whatever the inputs.

    Raises:
        ConfigError: no coordinate, or no hidden layer.
    """
    if dim < 1 or not hidden or min(hidden) < 1:
        raise ConfigError(
            f"expected at least one coordinate and hidden layers of at least one unit, got dim = {dim}, hidden = {tuple(hidden)}; "
            "give sizes such as (128,)"
        )
    sizes = [dim * inputs_each, *hidden, dim * outputs_each]
    keys = jax.random.split(key, len(hidden))
    weights = [jax.random.normal(k, (i, o)) / jnp.sqrt(i) for k, i, o in zip(keys, sizes[:-2], sizes[1:-1], strict=True)]
    biases = [jnp.zeros(size) for size in sizes[1:]]
    return MaskedPerceptron([*weights, jnp.zeros((sizes[-2], sizes[-1]))], biases, jnp.zeros((sizes[0], sizes[-1])), dim)


def masks_of(hidden: Sequence[int], ranks: Ranks, inputs_each: int, outputs_each: int) -> tuple[list[Any], Any]:
    """Masks of every layer and of the skip connection: made anew at each trace, so that no optimizer ever sees them."""
    of_input, of_output = ranks.repeat(inputs_each), ranks.repeat(outputs_each)
    degrees = [of_input, *(1 + np.arange(size) % _num_degrees(len(ranks)) for size in hidden)]
    masks = [before[:, None] <= after[None] for before, after in itertools.pairwise(degrees)]
    last = degrees[-1][:, None] < of_output[None]
    return [*masks, last], of_input[:, None] < of_output[None]


def _flat(inputs: Array) -> Array:
    return inputs.reshape(-1, *inputs.shape[2:])


def _num_degrees(dim: int) -> int:
    return max(dim - 1, 1)

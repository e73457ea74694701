"""Multilayer perceptrons: as energy of a point, as cost c(x, u) of a step, as value of an observation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num


def tanh(x: Array) -> Array:
    """The hyperbolic tangent, as a plain function: jax's own cannot be named by tools that copy objects between processes."""
    return jnp.tanh(x)


class MLP(eqx.Module):
    """A multilayer perceptron; initial weights normal, scaled to keep the variance (LeCun et al. 1998).

    Args:
        key: randomness of the initial weights.
        sizes: input size, hidden sizes, output size.
        output_scale: gain of the last layer's initial weights.
        output_bias: whether the last layer has a bias. An energy has none (D5): log Z holds that degree of freedom.
        activation: between layers; smooth by default, since costs are differentiated.
    """

    weights: list[Float[Array, "_ _"]]
    biases: list[Float[Array, " _"]]
    output_bias: bool = eqx.field(static=True)
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        key: Key[Array, ""],
        sizes: Sequence[int],
        output_scale: float = 1.0,
        output_bias: bool = True,
        activation: Callable[[Array], Array] = tanh,
    ):
        keys = jax.random.split(key, len(sizes) - 1)
        gains = [1.0] * (len(sizes) - 2) + [output_scale]
        shapes = itertools.pairwise(sizes)
        self.weights = [g * jax.random.normal(k, s) / jnp.sqrt(s[0]) for k, s, g in zip(keys, shapes, gains, strict=True)]
        self.biases = [jnp.zeros(n) for n in (sizes[1:] if output_bias else sizes[1:-1])]
        self.output_bias = output_bias
        self.activation = activation

    def __call__(self, x: Float[Array, " _"]) -> Float[Array, " _"]:
        """The last layer is linear."""
        for weight, bias in zip(self.weights[:-1], self.biases, strict=False):
            x = self.activation(x @ weight + bias)
        x = x @ self.weights[-1]
        return x + self.biases[-1] if self.output_bias else x


class MLPEnergy(eqx.Module):
    """E(x) of a point; no output bias, so that log Z is the only constant (D5).

    Args:
        key: randomness of the initial weights.
        dim: size of a point.
        hidden: hidden layers.
        output_scale: gain of the last layer's initial weights; small where the energy is to begin flat, as a tilt does.
    """

    net: MLP

    def __init__(self, key: Key[Array, ""], dim: int, hidden: Sequence[int] = (64, 64), output_scale: float = 1.0):
        self.net = MLP(key, (dim, *hidden, 1), output_scale, output_bias=False)

    def __call__(self, x: Num[Array, " dim"]) -> Float[Array, ""]:
        """Integers, such as the 0 and 1 of a binary vector, are read as numbers."""
        return self.net(x.astype(self.net.weights[0].dtype))[0]

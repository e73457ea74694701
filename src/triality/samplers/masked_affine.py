"""Affine autoregressive layers: each coordinate is shifted and scaled by what those before it say.

    z_i = (x_i - m_i(x_j : j before i)) exp(-s_i(x_j : j before i)),     log |det dz/dx| = -sum_i s_i

One way all coordinates at once, the other way one by one, where every hidden unit is computed once (``MaskedPerceptron``). The order is
reversed from layer to layer. A log-scale is bent toward +-``MAX_LOG_SCALE``, so that no draw overflows.
Reference: Papamakarios, Pavlakou, Murray, Masked autoregressive flow for density estimation, arXiv:1705.07057.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.samplers.autoregressive.masked_perceptron import MaskedPerceptron, masked_perceptron
from triality.samplers.batch_last import batch_last

MAX_LOG_SCALE = 8.0
"""In nats."""

Point = Float[Array, " dim"]


class MaskedAffine(eqx.Module):
    """Layers from x toward noise: the first one reads x.

    Args:
        nets: of each layer; a shift and a log-scale a coordinate.

    Example:
        >>> bijection = masked_affine(jax.random.key(0), 3, 2, (8,))
        >>> z, log_det = bijection.at_once(jnp.ones(3))
        >>> z.tolist(), float(log_det)  # the identity at first
        ([1.0, 1.0, 1.0], 0.0)
    """

    nets: list[MaskedPerceptron]

    def at_once(self, x: Point) -> tuple[Point, Float[Array, ""]]:
        """x to z and log |det dz/dx|."""
        log_det = jnp.zeros((), x.dtype)
        for number, net in enumerate(self.nets):
            out = net(x[:, None], np.argsort(_order(number, net.dim)) + 1)
            log_scale = _bent(out[:, 1])
            x, log_det = (x - out[:, 0]) * jnp.exp(-log_scale), log_det - jnp.sum(log_scale)
        return x, log_det

    def one_by_one(self, z: Point) -> tuple[Point, Float[Array, ""]]:
        """z to x and log |det dx/dz|."""
        log_det = jnp.zeros((), z.dtype)
        for number, net in reversed(list(enumerate(self.nets))):
            z, more = batch_last(partial(_undone, _order(number, net.dim)))(net, z)
            log_det = log_det + more
        return z, log_det


class Generating(eqx.Module):
    """MAF: from noise to x one by one, so that the density of x is one pass."""

    layers: MaskedAffine

    def transform_and_log_det(self, z: Point) -> tuple[Point, Float[Array, ""]]:
        """x and log |det dx/dz|."""
        return self.layers.one_by_one(z)

    def inverse_and_log_det(self, x: Point) -> tuple[Point, Float[Array, ""]]:
        """z and log |det dz/dx|."""
        return self.layers.at_once(x)


class Inverting(eqx.Module):
    """IAF: from noise to x at once, so that a draw with its density is one pass."""

    layers: MaskedAffine

    def transform_and_log_det(self, z: Point) -> tuple[Point, Float[Array, ""]]:
        """x and log |det dx/dz|."""
        return self.layers.at_once(z)

    def inverse_and_log_det(self, x: Point) -> tuple[Point, Float[Array, ""]]:
        """z and log |det dz/dx|."""
        return self.layers.one_by_one(x)


def masked_affine(key: Key[Array, ""], dim: int, num_layers: int, hidden: Sequence[int]) -> MaskedAffine:
    """Layers that begin as the identity.

    Raises:
        ConfigError: no coordinate, or no hidden layer.
    """
    return MaskedAffine([masked_perceptron(each, dim, hidden, 1, 2) for each in jax.random.split(key, num_layers)])


def _undone(order: np.ndarray, net: MaskedPerceptron, z: Float[Array, " dim *batch"]) -> tuple[Array, Array]:
    def choose(t: Any, i: Any, out: Float[Array, " 2 *batch"]) -> tuple[Float[Array, " 1 *batch"], Float[Array, "*batch"]]:
        del t
        log_scale = _bent(out[1])
        return (z[i] * jnp.exp(log_scale) + out[0])[None], log_scale

    x, log_det = net.fill(jnp.asarray(order), choose, z.shape[1:])
    return x[:, 0], log_det


def _order(number: int, dim: int) -> np.ndarray:
    """Of a layer: natural, reversed, natural, ..."""
    return np.arange(dim) if number % 2 == 0 else np.arange(dim)[::-1]


def _bent(log_scale: Float[Array, "*dim"]) -> Float[Array, "*dim"]:
    return MAX_LOG_SCALE * jnp.tanh(log_scale / MAX_LOG_SCALE)

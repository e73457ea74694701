"""A convolutional energy of an image: strided convolutions and a linear read-out without bias, so that log Z is the only constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num


class ConvolutionalEnergy(eqx.Module):
    """E(x) of an image of numbers, of any integer or float type.

    Args:
        key: randomness of the initial weights.
        shape: (height, width).
        channels: of each convolution; every one halves both sides of the image.
        center: subtracted from the image.
        scale: what the centered image is divided by.
        activation: between layers; smooth, since penalties differentiate it.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> energy = ConvolutionalEnergy(jax.random.key(0), (8, 8), (4,))
        >>> energy(jnp.zeros((8, 8), jnp.uint8)).shape
        ()
    """

    layers: list[eqx.nn.Conv2d]
    readout: Float[Array, "1 features"]
    center: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        key: Key[Array, ""],
        shape: tuple[int, int],
        channels: Sequence[int] = (32, 64),
        center: float = 0.5,
        scale: float = 0.5,
        activation: Callable[[Array], Array] = jax.nn.silu,
    ):
        *keys, key_readout = jax.random.split(key, len(channels) + 1)
        pairs = zip((1, *channels[:-1]), channels, keys, strict=True)
        self.layers = [eqx.nn.Conv2d(i, o, kernel_size=3, stride=2, padding=1, key=k) for i, o, k in pairs]
        self.center, self.scale, self.activation = center, scale, activation
        size = self._features(jnp.zeros(shape)).shape[0]
        self.readout = jax.random.normal(key_readout, (1, size)) / size

    def __call__(self, x: Num[Array, "height width"]) -> Float[Array, ""]:
        return (self.readout @ self._features(x))[0]

    def _features(self, x: Num[Array, "height width"]) -> Float[Array, " features"]:
        hidden = ((x.astype(float) - self.center) / self.scale)[None]
        for layer in self.layers:
            hidden = self.activation(layer(hidden))
        return hidden.reshape(-1)

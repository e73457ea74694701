"""PixelCNN: an image of small integers pixel by pixel, row by row, every conditional from masked convolutions (van den Oord et al. 2016).

    log q(x) = sum_i log softmax(o_i(x_1 .. x_{i-1}))[x_i],     pixels counted along the rows

A convolution reads the rows above and, in its own row, the pixels to the left: without its own pixel in the first layer (type A), with it
after that (type B). Blocks are residual and gated, h + P (tanh(a) sigmoid(b)), (a, b) = conv_B(h). There is one stack, so the conditionals
do not see a wedge of the pixels above and to the right (its blind spot): q is normalized all the same, and less expressive than with two.

A draw costs as many operations as a density: each layer is evaluated at one pixel, in a window of what is known, by the same kernel.
Reference: arXiv:1601.06759 (masks), arXiv:1606.05328 (gates, the blind spot).
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.categorical import Categorical


class MaskedKernel(eqx.Module):
    """A convolution that reads nothing below its pixel, and nothing to the right of it. Type A leaves out the pixel itself.

    Args:
        weight: rows above down to the pixel's own, columns, inputs, outputs; before masking.
        bias: of each output.
        kind: A or B.
    """

    weight: Float[Array, "above width inputs outputs"]
    bias: Float[Array, " outputs"]
    kind: Literal["A", "B"] = eqx.field(static=True)

    def everywhere(self, padded: Float[Array, "height width inputs"]) -> Float[Array, "rows columns outputs"]:
        """The outputs of all pixels of an image with ``margins`` around it: one matrix product for each pixel that is seen.

        XLA's own convolutions take many times as long on a processor, above all their gradients.
        """
        above, width = self.weight.shape[:2]
        rows, columns = padded.shape[0] - above + 1, padded.shape[1] - width + 1
        places = [(i, j) for i in range(above) for j in range(width) if i < above - 1 or j < width // 2 + (self.kind == "B")]
        return sum((padded[i : i + rows, j : j + columns] @ self.weight[i, j] for i, j in places), self.bias)

    def at(self, padded: Float[Array, "height width inputs"], row: Int[Array, ""], column: Int[Array, ""]) -> Float[Array, " outputs"]:
        """The outputs of one pixel."""
        window = jax.lax.dynamic_slice(padded, (row, column, 0), self.weight.shape[:3])
        return jnp.tensordot(window, self._masked, 3) + self.bias

    def put(
        self, padded: Float[Array, "height width inputs"], inputs: Float[Array, " inputs"], row: Int[Array, ""], column: Int[Array, ""]
    ) -> Float[Array, "height width inputs"]:
        """The padded image with the inputs of one pixel written."""
        (above, _), (left, _), _ = self.margins
        return padded.at[row + above, column + left].set(inputs)

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Zeros around the image: rows above, columns to both sides."""
        above, width = self.weight.shape[:2]
        return (above - 1, 0), (width // 2, width // 2), (0, 0)

    @property
    def _masked(self) -> Float[Array, "above width inputs outputs"]:
        above, width = self.weight.shape[:2]
        seen = np.ones((above, width, 1, 1), bool)
        seen[-1, width // 2 + (self.kind == "B") :] = False
        return jnp.where(seen, self.weight, 0.0)


class GatedBlock(eqx.Module):
    """h + P (tanh(a) sigmoid(b)), (a, b) the outputs of a convolution of type B at the same pixels as h."""

    kernel: MaskedKernel
    mix: Float[Array, "channels channels"]

    def residual(self, h: Float[Array, "*pixels channels"], outputs: Float[Array, "*pixels gates"]) -> Float[Array, "*pixels channels"]:
        a, b = jnp.split(outputs, 2, axis=-1)
        return h + (jnp.tanh(a) * jax.nn.sigmoid(b)) @ self.mix


class MaskedConvolution(AbstractSampler[Int[Array, "height width"]]):
    """Images of values 0 .. levels - 1; density with respect to counting measure. Draws carry no gradient.

    Args:
        first: convolution of type A, on one-hot pixels.
        blocks: gated blocks of type B.
        readout: from channels to the logits of a pixel.
        bias: logits of each pixel where the readout is zero.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> q = masked_convolution(jax.random.key(0), (4, 4), channels=8, num_blocks=1)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> x.shape, float(log_q.__round__(4))  # 16 log(1/2)
        ((4, 4), -11.0904)
    """

    first: MaskedKernel
    blocks: list[GatedBlock]
    readout: Float[Array, "channels levels"]
    bias: Float[Array, "height width levels"]

    def log_prob(self, x: Int[Array, "height width"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is outside 0 .. levels - 1."""
        return jnp.sum(jax.vmap(jax.vmap(_log_prob))(self.logits(x), x))

    def logits(self, x: Int[Array, "height width"]) -> Float[Array, "height width levels"]:
        """Unnormalized log probabilities of every pixel given those before it."""
        h = self.first.everywhere(jnp.pad(self._one_hot(x), self.first.margins))
        for block in self.blocks:
            h = block.residual(h, block.kernel.everywhere(jnp.pad(h, block.kernel.margins)))
        return jax.nn.relu(h) @ self.readout + self.bias

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, "height width"], Float[Array, ""]]:
        """One compiled loop over the pixels; what the layers said of earlier pixels is kept."""
        height, width, levels = self.bias.shape
        inputs = [(self.first, levels), *((block.kernel, self.readout.shape[0]) for block in self.blocks)]
        known = [jnp.pad(jnp.zeros((height, width, size), self.bias.dtype), kernel.margins) for kernel, size in inputs]

        def draw_pixel(i: Int[Array, ""], carry: tuple) -> tuple:
            x, log_q, (pixels, *features) = carry
            row, column = i // width, i % width
            h = self.first.at(pixels, row, column)
            for depth, block in enumerate(self.blocks):
                features[depth] = block.kernel.put(features[depth], h, row, column)
                h = block.residual(h, block.kernel.at(features[depth], row, column))
            law = Categorical(jax.nn.relu(h) @ self.readout + self.bias[row, column])
            value, log_prob = law.sample_and_log_prob(jax.random.fold_in(key, i))
            pixels = self.first.put(pixels, self._one_hot(value), row, column)
            return x.at[row, column].set(value.astype(x.dtype)), log_q + log_prob, [pixels, *features]

        start = (jnp.zeros((height, width), jnp.int32), jnp.zeros((), self.bias.dtype), known)
        x, log_q, _ = jax.lax.fori_loop(0, height * width, draw_pixel, start)
        return x, log_q

    def _one_hot(self, x: Int[Array, "*pixels"]) -> Float[Array, "*pixels levels"]:
        return jax.nn.one_hot(x, self.bias.shape[-1], dtype=self.bias.dtype)


def masked_convolution(
    key: Key[Array, ""],
    shape: tuple[int, int],
    num_levels: int = 2,
    channels: int = 32,
    num_blocks: int = 4,
    kernel_size: int = 5,
    marginals: Float[Array, "height width levels"] | None = None,
) -> MaskedConvolution:
    """A PixelCNN that begins at independent pixels: with the given ``marginals``, or uniform.

    Args:
        key: randomness of the initial weights.
        shape: (height, width).
        num_levels: values of a pixel.
        channels: of every layer.
        num_blocks: gated blocks.
        kernel_size: width of every convolution, odd; it reaches half as far up.
        marginals: probability of every value at every pixel, above zero.

    Raises:
        ConfigError: an empty image, fewer than two levels, or an even kernel size.
    """
    if min(shape) < 1 or num_levels < 2 or kernel_size < 3 or kernel_size % 2 == 0:
        raise ConfigError(
            f"expected an image of pixels with two levels or more and an odd kernel of 3 or more, got shape = {shape}, "
            f"num_levels = {num_levels}, kernel_size = {kernel_size}; check the data, then the kernel"
        )
    key_first, *keys = jax.random.split(key, num_blocks + 1)
    blocks = [_gated_block(key, channels, kernel_size) for key in keys]
    bias = jnp.zeros((*shape, num_levels)) if marginals is None else jnp.log(marginals)
    first = _masked_kernel(key_first, "A", kernel_size, num_levels, channels)
    return MaskedConvolution(first, blocks, jnp.zeros((channels, num_levels)), bias)


def _masked_kernel(key: Key[Array, ""], kind: Literal["A", "B"], kernel_size: int, inputs: int, outputs: int) -> MaskedKernel:
    above = kernel_size // 2 + 1
    num_seen = kernel_size * (above - 1) + kernel_size // 2 + (kind == "B")
    weight = jax.random.normal(key, (above, kernel_size, inputs, outputs)) / jnp.sqrt(num_seen * inputs)
    return MaskedKernel(weight, jnp.zeros(outputs), kind)


def _gated_block(key: Key[Array, ""], channels: int, kernel_size: int) -> GatedBlock:
    key_kernel, key_mix = jax.random.split(key)
    mix = jax.random.normal(key_mix, (channels, channels)) / jnp.sqrt(channels)
    return GatedBlock(_masked_kernel(key_kernel, "B", kernel_size, channels, 2 * channels), mix)


def _log_prob(logits: Float[Array, " levels"], x: Int[Array, ""]) -> Float[Array, ""]:
    return Categorical(logits).log_prob(x)

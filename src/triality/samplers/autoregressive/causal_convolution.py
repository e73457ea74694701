"""WaveNet: a signal of small integers one after the other, each conditional from dilated causal convolutions (van den Oord et al. 2016).

    log q(x) = sum_t log q(x_t | h_t),     h_t from x_{t-1}, x_{t-2}, ... as far back as the dilations 1, 2, 4, ... reach
    block:  h <- h + P (tanh(a) sigmoid(b)),     (a, b)_t = W_0 h_{t-(k-1)d} + ... + W_{k-2} h_{t-d} + W_{k-1} h_t + bias

The reach is 1 + (k-1)(2^blocks - 1) values; what lies further back is forgotten. A draw costs as many operations as a density: every layer
is evaluated at one time, by the same kernel, from what it said before, of which a ring of (k-1)d values is kept.

Reference: arXiv:1609.03499, sections 2.1 and 2.3.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.heads import Head, head_for
from triality.samplers.categorical import Categorical


class CausalBlock(eqx.Module):
    """A gated residual convolution over now and every ``dilation``-th step before.

    Args:
        weight: of each tap, from the longest ago to now.
        bias: of the gates.
        mix: back to the channels.
        dilation: static.
    """

    weight: Float[Array, "taps channels gates"]
    bias: Float[Array, " gates"]
    mix: Float[Array, "channels channels"]
    dilation: int = eqx.field(static=True)

    def __call__(self, taps: Float[Array, "taps *times channels"]) -> Float[Array, "*times channels"]:
        """The same at one time or at all; the last tap is now."""
        a, b = jnp.split(jnp.einsum("k...c,kcg->...g", taps, self.weight) + self.bias, 2, axis=-1)
        return taps[-1] + (jnp.tanh(a) * jax.nn.sigmoid(b)) @ self.mix

    def taps(self, h: Float[Array, "times channels"]) -> Float[Array, "taps times channels"]:
        """What each tap reads at every time; zeros before the beginning."""
        padded = jnp.pad(h, ((self.reach, 0), (0, 0)))
        return jnp.stack([padded[start : start + h.shape[0]] for start in range(0, self.reach + 1, self.dilation)])

    def taps_at(
        self, ring: Float[Array, "reach channels"], h: Float[Array, " channels"], t: Int[Array, ""]
    ) -> Float[Array, "taps channels"]:
        """The same at time ``t``, from a ring that holds time s at place s mod reach."""
        places = (t + jnp.arange(0, self.reach, self.dilation)) % self.reach
        return jnp.concatenate([ring[places], h[None]])

    @property
    def reach(self) -> int:
        """How far back it sees."""
        return (self.weight.shape[0] - 1) * self.dilation


class CausalConvolution(AbstractSampler[Int[Array, " length"]]):
    """Signals of values 0 .. levels - 1; density with respect to counting measure. Draws carry no gradient.

    Args:
        embedding: of the value before; its last row stands for the beginning.
        blocks: with dilations 1, 2, 4, ...
        head: from channels to the law of one value.
        length: static.

    Example:
        >>> import jax
        >>> q = causal_convolution(jax.random.key(0), 6, num_levels=4, channels=8, num_blocks=2)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> x.shape, float(log_q.__round__(4))  # it begins uniform: 6 log(1/4)
        ((6,), -8.3178)
    """

    embedding: Float[Array, "symbols channels"]
    blocks: list[CausalBlock]
    head: Head
    length: int = eqx.field(static=True)

    def log_prob(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is outside 0 .. levels - 1."""
        return jnp.sum(jax.vmap(lambda logits, value: Categorical(logits).log_prob(value))(self.logits(x), x))

    def logits(self, x: Int[Array, " length"]) -> Float[Array, "length levels"]:
        """Unnormalized log probabilities of every value given those before it."""
        begin = self.embedding.shape[0] - 1
        h = self.embedding[jnp.clip(jnp.concatenate([jnp.array([begin]), x[:-1]]), 0, begin)]
        for block in self.blocks:
            h = block(block.taps(h))
        return jax.vmap(self.head)(jax.nn.silu(h))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " length"], Float[Array, ""]]:
        """One compiled loop over time."""
        rings = [jnp.zeros((block.reach, self.embedding.shape[1]), self.embedding.dtype) for block in self.blocks]

        def draw_value(t: Int[Array, ""], carry: tuple) -> tuple:
            x, before, log_q, rings = carry
            h, new_rings = self.embedding[before], []
            for block, ring in zip(self.blocks, rings, strict=True):
                new_rings.append(ring.at[t % block.reach].set(h))
                h = block(block.taps_at(ring, h, t))
            value, log_prob = Categorical(self.head(jax.nn.silu(h))).sample_and_log_prob(jax.random.fold_in(key, t))
            value = value.astype(x.dtype)
            return x.at[t].set(value), value, log_q + log_prob, new_rings

        begin = jnp.asarray(self.embedding.shape[0] - 1, jnp.int32)
        start = (jnp.zeros(self.length, jnp.int32), begin, jnp.zeros((), self.embedding.dtype), rings)
        x, _, log_q, _ = jax.lax.fori_loop(0, self.length, draw_value, start)
        return x, log_q


def causal_convolution(
    key: Key[Array, ""],
    length: int,
    num_levels: int = 2,
    channels: int = 32,
    num_blocks: int = 6,
    kernel_size: int = 2,
    head: Head | None = None,
) -> CausalConvolution:
    """A WaveNet that begins uniform, or at the law of ``head``.

    Args:
        key: randomness of the initial weights.
        length: of a signal.
        num_levels: values of each entry.
        channels: of every layer.
        num_blocks: each doubles the reach.
        kernel_size: taps of every convolution, now included.
        head: ``discretized_logistic_head(channels, num_levels)`` for gray values and amplitudes; categorical by default.

    Raises:
        ConfigError: an empty signal, fewer than two levels, no channel, a kernel that sees no past, or a head of other levels.
    """
    if length < 1 or num_levels < 2:
        raise ConfigError(f"expected a signal of two levels or more, got length = {length}, num_levels = {num_levels}; check the data")
    if channels < 1 or num_blocks < 0 or kernel_size < 2:
        raise ConfigError(
            f"expected a channel or more and a kernel of 2 or more, got channels = {channels}, num_blocks = {num_blocks}, "
            f"kernel_size = {kernel_size}; give larger ones"
        )
    key_embedding, *keys = jax.random.split(key, num_blocks + 1)
    embedding = jax.random.normal(key_embedding, (num_levels + 1, channels))
    blocks = [_block(each, channels, kernel_size, 2**depth) for depth, each in enumerate(keys)]
    return CausalConvolution(embedding, blocks, head_for(channels, num_levels, head), length)


def _block(key: Key[Array, ""], channels: int, kernel_size: int, dilation: int) -> CausalBlock:
    key_weight, key_mix = jax.random.split(key)
    weight = jax.random.normal(key_weight, (kernel_size, channels, 2 * channels)) / jnp.sqrt(kernel_size * channels)
    mix = jax.random.normal(key_mix, (channels, channels)) / jnp.sqrt(channels)
    return CausalBlock(weight, jnp.zeros(2 * channels), mix, dilation)

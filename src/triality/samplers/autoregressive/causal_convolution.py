"""WaveNet: a signal of small integers one after the other, each conditional from dilated causal convolutions (van den Oord et al. 2016).

    log q(x) = sum_t log q(x_t | h_t),     h_t from x_{t-1}, x_{t-2}, ... as far back as the dilations 1, 2, 4, ... reach
    block:  h <- h + P (tanh(a) sigmoid(b)),     (a, b)_t = W_0 h_{t-d} + W_1 h_t + bias

The reach is 2^blocks values; what lies further back is forgotten. A draw costs as many operations as a density: every layer is evaluated
at one time, from what it said before.

Reference: arXiv:1609.03499, sections 2.1 and 2.3.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.heads import Head, categorical_head
from triality.samplers.categorical import Categorical


class CausalBlock(eqx.Module):
    """A gated residual convolution over now and ``dilation`` steps before.

    Args:
        before: weight of the past value.
        now: weight of the present one.
        bias: of the gates.
        mix: back to the channels.
        dilation: static.
    """

    before: Float[Array, "channels gates"]
    now: Float[Array, "channels gates"]
    bias: Float[Array, " gates"]
    mix: Float[Array, "channels channels"]
    dilation: int = eqx.field(static=True)

    def __call__(self, past: Float[Array, "*times channels"], h: Float[Array, "*times channels"]) -> Float[Array, "*times channels"]:
        """The same at one time or at all."""
        a, b = jnp.split(past @ self.before + h @ self.now + self.bias, 2, axis=-1)
        return h + (jnp.tanh(a) * jax.nn.sigmoid(b)) @ self.mix


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
            past = jnp.pad(h, ((block.dilation, 0), (0, 0)))[: self.length]
            h = block(past, h)
        return jax.vmap(self.head)(jax.nn.silu(h))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " length"], Float[Array, ""]]:
        """One compiled loop over time; what every layer said before is kept."""
        channels = self.embedding.shape[1]
        said = [jnp.zeros((self.length + block.dilation, channels), self.embedding.dtype) for block in self.blocks]

        def draw_value(t: Int[Array, ""], carry: tuple) -> tuple:
            x, before, log_q, said = carry
            said = list(said)
            h = self.embedding[before]
            for depth, block in enumerate(self.blocks):
                said[depth] = said[depth].at[t + block.dilation].set(h)
                h = block(said[depth][t], h)
            value, log_prob = Categorical(self.head(jax.nn.silu(h))).sample_and_log_prob(jax.random.fold_in(key, t))
            value = value.astype(x.dtype)
            return x.at[t].set(value), value, log_q + log_prob, said

        begin = jnp.asarray(self.embedding.shape[0] - 1, jnp.int32)
        start = (jnp.zeros(self.length, jnp.int32), begin, jnp.zeros((), self.embedding.dtype), said)
        x, _, log_q, _ = jax.lax.fori_loop(0, self.length, draw_value, start)
        return x, log_q


def causal_convolution(
    key: Key[Array, ""], length: int, num_levels: int = 2, channels: int = 32, num_blocks: int = 6, head: Head | None = None
) -> CausalConvolution:
    """A WaveNet that begins uniform, or at the law of ``head``.

    Args:
        key: randomness of the initial weights.
        length: of a signal.
        num_levels: values of each entry.
        channels: of every layer.
        num_blocks: each doubles the reach: 2^num_blocks values before.
        head: ``discretized_logistic_head(channels, num_levels)`` for gray values and amplitudes; categorical by default.

    Raises:
        ConfigError: an empty signal, or fewer than two levels.
    """
    if length < 1 or num_levels < 2:
        raise ConfigError(f"expected a signal of two levels or more, got length = {length}, num_levels = {num_levels}; check the data")
    key_embedding, *keys = jax.random.split(key, num_blocks + 1)
    embedding = jax.random.normal(key_embedding, (num_levels + 1, channels))
    blocks = [_block(each, channels, 2**depth) for depth, each in enumerate(keys)]
    return CausalConvolution(embedding, blocks, categorical_head(channels, num_levels) if head is None else head, length)


def _block(key: Key[Array, ""], channels: int, dilation: int) -> CausalBlock:
    keys = jax.random.split(key, 3)
    before, now = (jax.random.normal(k, (channels, 2 * channels)) / jnp.sqrt(2 * channels) for k in keys[:2])
    return CausalBlock(
        before, now, jnp.zeros(2 * channels), jax.random.normal(keys[2], (channels, channels)) / jnp.sqrt(channels), dilation
    )

"""A recurrent generator: tokens one after the other, all that came before in one hidden state (gated recurrent unit, Cho et al. 2014).

    h_t = GRU(h_{t-1}, e(x_{t-1})),     log q(x) = sum_t log softmax(W h_t + b)[x_t]

One cell serves the density and the draw, so that they cannot differ. Reference: arXiv:1406.1078.
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


class Recurrent(AbstractSampler[Int[Array, " length"]]):
    """Sequences of values 0 .. levels - 1; density with respect to counting measure. Draws carry no gradient.

    Args:
        embedding: of the value before; its last row stands for the beginning.
        cell: gated recurrent unit.
        head: from the hidden state to the law of one value.
        length: static.

    Example:
        >>> import jax
        >>> q = recurrent(jax.random.key(0), 5, num_levels=3, hidden=8)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> x.shape, bool(jnp.abs(q.log_prob(x) - log_q) < 1e-9)
        ((5,), True)
    """

    embedding: Float[Array, "symbols inputs"]
    cell: eqx.nn.GRUCell
    head: Head
    length: int = eqx.field(static=True)

    def log_prob(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is outside 0 .. levels - 1."""
        return jnp.sum(jax.vmap(lambda logits, value: Categorical(logits).log_prob(value))(self.logits(x), x))

    def logits(self, x: Int[Array, " length"]) -> Float[Array, "length levels"]:
        """Unnormalized log probabilities of every value given those before it."""
        begin = self.embedding.shape[0] - 1
        before = jnp.clip(jnp.concatenate([jnp.array([begin]), x[:-1]]), 0, begin)
        return jax.lax.scan(lambda h, value: self._step(h, value), self._start, before)[1]

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " length"], Float[Array, ""]]:
        """One compiled loop."""

        def draw_value(carry: tuple, key: Key[Array, ""]) -> tuple:
            h, before = carry
            h, logits = self._step(h, before)
            value, log_q = Categorical(logits).sample_and_log_prob(key)
            return (h, value.astype(jnp.int32)), (value.astype(jnp.int32), log_q)

        begin = jnp.asarray(self.embedding.shape[0] - 1, jnp.int32)
        _, (x, log_q) = jax.lax.scan(draw_value, (self._start, begin), jax.random.split(key, self.length))
        return x, jnp.sum(log_q)

    def _step(self, h: Float[Array, " hidden"], before: Int[Array, ""]) -> tuple[Float[Array, " hidden"], Float[Array, " levels"]]:
        h = self.cell(self.embedding[before], h)
        return h, self.head(h)

    @property
    def _start(self) -> Float[Array, " hidden"]:
        return jnp.zeros(self.cell.hidden_size, self.embedding.dtype)


def recurrent(
    key: Key[Array, ""], length: int, num_levels: int = 2, hidden: int = 64, inputs: int = 32, head: Head | None = None
) -> Recurrent:
    """A recurrent generator that begins uniform, or at the law of ``head``.

    Args:
        key: randomness of the initial weights.
        length: of a sequence.
        num_levels: values of each entry: the size of a vocabulary.
        hidden: units of the cell, all that it can remember.
        inputs: size of an embedding.
        head: ``categorical_head(hidden, num_levels, marginals)`` begins at how often each token is seen.

    Raises:
        ConfigError: an empty sequence, fewer than two levels, no unit, or a head of other levels.

    Example:
        >>> from triality.samplers.autoregressive.heads import categorical_head
        >>> q = recurrent(jax.random.key(0), 2, 2, hidden=8, head=categorical_head(8, 2, jnp.array([0.25, 0.75])))
        >>> float(jnp.exp(q.log_prob(jnp.array([0, 1]))).__round__(6))
        0.1875
    """
    if length < 1 or num_levels < 2:
        raise ConfigError(f"expected a sequence of two levels or more, got length = {length}, num_levels = {num_levels}; check the data")
    if hidden < 1 or inputs < 1:
        raise ConfigError(f"expected one unit and one input or more, got hidden = {hidden}, inputs = {inputs}; give larger ones")
    key_embedding, key_cell = jax.random.split(key)
    embedding = jax.random.normal(key_embedding, (num_levels + 1, inputs))
    cell = eqx.nn.GRUCell(inputs, hidden, key=key_cell)
    return Recurrent(embedding, cell, head_for(hidden, num_levels, head), length)

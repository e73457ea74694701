"""Sequences of tokens, one after the other, with the exact probability of each: the generator that section 5 of the paper has in mind.

    q(x) = prod_t q(x_t | x_{<t}),     log q(x_t | x_{<t}) = log softmax( head(h_t) )[x_t],     h_t = core(begin, x_0 ... x_{t-1})

over all arrays of T places, or over all strings of at most T tokens where there is an end token (``ending``). The same core serves density
and draw. Density with respect to counting measure; draws carry no gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.heads import Head, head_for
from triality.samplers.tokens.choice import draw_token, log_share
from triality.samplers.tokens.core import Core, gru_core, lstm_core
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.transformer import transformer_core


class Pen(NamedTuple):
    """Where a sequence that is being written stands.

    Fields:
        carry: of the core, before the last token went in.
        last: the token written last; the row of the beginning where there is none.
        is_open: whether the sequence has not ended.
    """

    carry: Any
    last: Int[Array, ""]
    is_open: Array


class TokenSampler(AbstractSampler[Int[Array, " length"]]):
    """See the module.

    Args:
        embedding: a row a token; the last row stands for the beginning.
        core: from embedded tokens to features.
        head: from features to the law of one token.
        length: T, static.
        end: the token that ends a sequence; None where all sequences have T tokens. Static.

    Example:
        >>> q = lstm(jax.random.key(0), length=5, vocabulary=3, hidden=8, end=0)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> x.shape, bool(jnp.abs(q.log_prob(x) - log_q) < 1e-5)
        ((5,), True)
    """

    embedding: Float[Array, "symbols inputs"]
    core: Core
    head: Head
    length: int = eqx.field(static=True)
    end: int | None = eqx.field(static=True, default=None)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, the end token included."""
        return self.embedding.shape[0] - 1

    def log_prob(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        """Sum over the tokens, nats; -inf where a token is outside 0 .. vocabulary - 1, or where something follows the end."""
        return jnp.sum(self.token_log_probs(x))

    def token_log_probs(self, x: Int[Array, " length"]) -> Float[Array, " length"]:
        """log q(x_t | x_{<t}), the log probabilities of the decisions that ``log_prob`` adds up; zero after the end."""
        decided = jax.vmap(log_share)(self.logits(x), x)
        if self.end is None:
            return decided
        return jnp.where(real_places(x, self.end), decided, jnp.where(x == self.end, 0.0, -jnp.inf))

    def logits(self, x: Int[Array, " length"]) -> Float[Array, "length vocabulary"]:
        """Unnormalized log probabilities of every token given those before it."""
        return jax.vmap(self.head)(self.core.over(self.inputs(x)))

    def inputs(self, x: Int[Array, " length"]) -> Float[Array, "length inputs"]:
        """What the core reads: the beginning, then every token but the last, embedded."""
        before = jnp.concatenate([jnp.array([self.vocabulary]), jnp.clip(x[:-1], 0, self.vocabulary - 1)])
        return self.embedding[before]

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " length"], Float[Array, ""]]:
        """One compiled loop."""
        _, (x, log_q) = jax.lax.scan(lambda pen, key: self.write(pen, key), self.begin(), jax.random.split(key, self.length))
        return x, jnp.sum(log_q)

    def begin(self) -> Pen:
        """Nothing written yet."""
        return Pen(self.core.start(self.length), jnp.asarray(self.vocabulary, jnp.int32), jnp.array(True))

    def write(self, pen: Pen, key: Key[Array, ""]) -> tuple[Pen, tuple[Int[Array, ""], Float[Array, ""]]]:
        """The next token and its log probability: the end token, at no cost, once the sequence has ended."""
        carry, logits = self.next_logits(pen)
        token, log_q = draw_token(key, logits)
        if self.end is None:
            return Pen(carry, token, pen.is_open), (token, log_q)
        token = jnp.where(pen.is_open, token, self.end)
        return Pen(carry, token, pen.is_open & (token != self.end)), (token, jnp.where(pen.is_open, log_q, 0.0))

    def next_logits(self, pen: Pen) -> tuple[Any, Float[Array, " vocabulary"]]:
        """The core's carry once the last token went in, and unnormalized log probabilities of the next."""
        carry, h = self.core.step(pen.carry, self.embedding[pen.last])
        return carry, self.head(h)


def lstm(
    key: Key[Array, ""],
    length: int,
    vocabulary: int,
    hidden: int = 64,
    inputs: int = 32,
    head: Head | None = None,
    end: int | None = None,
) -> TokenSampler:
    """A long short-term memory that begins uniform over the tokens, or at the law of ``head``.

    Args:
        key: randomness of the initial weights.
        length: places of a sequence.
        vocabulary: number of tokens, the end token included.
        hidden: units of the cell, all that it can remember.
        inputs: size of an embedding.
        head: ``categorical_head(hidden, vocabulary, marginals)`` begins at how often each token is seen.
        end: token that ends a sequence.

    Raises:
        ConfigError: an empty sequence, fewer than two tokens, an end token outside the vocabulary, no unit, or a head of other sizes.

    Example:
        >>> float(lstm(jax.random.key(0), length=2, vocabulary=4).log_prob(jnp.array([3, 1])).round(4))  # -2 log 4
        -2.7726
    """
    return _begun(key, length, vocabulary, inputs, lambda key: lstm_core(key, inputs, hidden), head, end)


def gru(
    key: Key[Array, ""],
    length: int,
    vocabulary: int,
    hidden: int = 64,
    inputs: int = 32,
    head: Head | None = None,
    end: int | None = None,
) -> TokenSampler:
    """A gated recurrent unit; arguments and errors as of ``lstm``.

    Example:
        >>> from triality.samplers.autoregressive.heads import categorical_head
        >>> q = gru(jax.random.key(0), 2, 2, hidden=8, head=categorical_head(8, 2, jnp.array([0.25, 0.75])))
        >>> float(jnp.exp(q.log_prob(jnp.array([0, 1]))).round(6))
        0.1875
    """
    return _begun(key, length, vocabulary, inputs, lambda key: gru_core(key, inputs, hidden), head, end)


def transformer(
    key: Key[Array, ""],
    length: int,
    vocabulary: int,
    features: int = 64,
    num_blocks: int = 2,
    num_heads: int = 4,
    head: Head | None = None,
    end: int | None = None,
) -> TokenSampler:
    """A causal transformer; its draw keeps keys and values in a cache. Errors as of ``lstm``, and heads that do not divide the features.

    Example:
        >>> q = transformer(jax.random.key(0), length=4, vocabulary=3, features=8, num_heads=2)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> bool(jnp.abs(q.log_prob(x) - log_q) < 1e-5)
        True
    """
    return _begun(
        key, length, vocabulary, features, lambda key: transformer_core(key, features, length, features, num_blocks, num_heads), head, end
    )


def _begun(
    key: Key[Array, ""], length: int, vocabulary: int, inputs: int, make_core: Any, head: Head | None, end: int | None
) -> TokenSampler:
    if length < 1 or vocabulary < 2:
        raise ConfigError(
            f"expected a sequence of two tokens or more to choose from, got length = {length}, vocabulary = {vocabulary}; check the data"
        )
    if end is not None and not 0 <= end < vocabulary:
        raise ConfigError(f"expected an end token of the vocabulary, 0 .. {vocabulary - 1}, got {end}; change it, or leave it out")
    key_embedding, key_core = jax.random.split(key)
    core = make_core(key_core)
    embedding = jax.random.normal(key_embedding, (vocabulary + 1, inputs))
    return TokenSampler(embedding, core, head_for(core.num_features, vocabulary, head), length, end)

"""Sequences that begin as others do: one prefix gone on with, or every prefix of a sequence at once (the roll-outs of SeqGAN).

A prefix of n tokens needs T - n more, so the prefixes n and T - n together need T: they share a lane, one after the other, and T/2 lanes of
T steps complete all prefixes, half of what a full loop for each would cost.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import Pen, TokenSampler


class Completions(NamedTuple):
    """Of one sequence.

    Fields:
        x: row n - 1 begins with the first n tokens, and goes on as the generator does.
        log_q: row by row, the log probability of what was added, nats.
    """

    x: Int[Array, "length_minus_1 length"]
    log_q: Float[Array, " length_minus_1"]


def completed(
    key: Key[Array, ""], sampler: TokenSampler, x: Int[Array, " length"], num_given: Int[Array, ""] | int
) -> Int[Array, " length"]:
    """The first ``num_given`` tokens of ``x``, then the generator's own; a sequence that has ended stays ended.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q = gru(jax.random.key(0), length=4, vocabulary=3)
        >>> completed(jax.random.key(1), q, jnp.array([2, 1, 0, 2]), 3)[:3].tolist()
        [2, 1, 0]
    """

    def step(pen: Pen, given: tuple) -> tuple[Pen, Int[Array, ""]]:
        key, token, is_given = given
        after, (drawn, _) = sampler.write(pen, key)
        token = jnp.where(is_given, token, drawn)
        is_open = pen.is_open if sampler.end is None else pen.is_open & (token != sampler.end)
        return after._replace(last=token, is_open=is_open), token

    inputs = jax.random.split(key, sampler.length), x.astype(jnp.int32), jnp.arange(sampler.length) < num_given
    return jax.lax.scan(step, sampler.begin(), inputs)[1]


def completions(key: Key[Array, ""], sampler: TokenSampler, x: Int[Array, " length"]) -> Completions:
    """Every prefix of ``x`` from one token to T - 1, completed independently of the others.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q = gru(jax.random.key(0), length=4, vocabulary=3)
        >>> rows = completions(jax.random.key(1), q, jnp.array([2, 1, 0, 2])).x
        >>> rows[0, 0].item(), rows[1, :2].tolist(), rows[2, :3].tolist()
        (2, [2, 1], [2, 1, 0])
    """
    length = sampler.length
    if length == 1:
        return Completions(jnp.zeros((0, 1), x.dtype), jnp.zeros(0))
    lanes = jnp.arange(1, length // 2 + 1)
    keys = jax.random.split(key, length // 2)
    pens = _pens_before(sampler, x)
    tokens, log_q = jax.vmap(lambda lane, key: _write_lane(key, sampler, pens, lane))(lanes, keys)
    prefix, place = jnp.arange(1, length)[:, None], jnp.arange(length)
    is_added, lane = place >= prefix, jnp.minimum(prefix, length - prefix) - 1
    step = jnp.where(is_added, jnp.where(prefix <= length // 2, place - prefix, place), 0)
    return Completions(jnp.where(is_added, tokens[lane, step], x), jnp.sum(jnp.where(is_added, log_q[lane, step], 0.0), axis=-1))


def _pens_before(sampler: TokenSampler, x: Int[Array, " length"]) -> Pen:
    """Where the writing of ``x`` stands before each of its tokens; stacked."""

    def forward(pen: Pen, token: Int[Array, ""]) -> tuple[Pen, Pen]:
        after, _ = sampler.core.step(pen.carry, sampler.embedding[pen.last])
        return pen._replace(carry=after, last=token), pen

    pens = jax.lax.scan(forward, sampler.begin(), jnp.clip(x, 0, sampler.vocabulary - 1).astype(jnp.int32))[1]
    return pens._replace(is_open=real_places(x, sampler.end))


def _write_lane(
    key: Key[Array, ""], sampler: TokenSampler, pens: Pen, lane: Int[Array, ""]
) -> tuple[Int[Array, " length"], Float[Array, " length"]]:
    """The tokens after prefix ``lane``, then those after prefix T - ``lane``, with their log probabilities."""
    switch = sampler.length - lane

    def step(pen: Pen, given: tuple) -> tuple[Pen, tuple]:
        key, number = given
        prefix = jnp.where(number == 0, lane, switch)
        is_new = (number == 0) | (number == switch)
        return sampler.write(jax.tree.map(lambda held, now: jnp.where(is_new, held[prefix], now), pens, pen), key)

    first = jax.tree.map(lambda held: held[0], pens)
    return jax.lax.scan(step, first, (jax.random.split(key, sampler.length), jnp.arange(sampler.length)))[1]

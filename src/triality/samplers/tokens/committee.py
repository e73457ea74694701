"""Several generators as one: every next token by the mean of their conditionals, which is likelier than the mean of their sequences.

    q(x_t | x_{<t}) = (1/K) sum_k q_k(x_t | x_{<t})

By Jensen the log likelihood is at least the mean of the members', token by token, and each of them reads the same prefix. A mixture of
whole sequences (``MixtureSampler``) would stay with one member from the first token to the last. Costs K times one member.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.samplers.autoregressive.heads import Head
from triality.samplers.tokens.core import Core
from triality.samplers.tokens.token_sampler import TokenSampler


class JointCore(eqx.Module):
    """K cores side by side, each with its own part of the inputs.

    Args:
        cores: stacked on a leading axis.
        num_members: K, static.
        num_features: of all members together, static.
    """

    cores: Core
    num_members: int = eqx.field(static=True)
    num_features: int = eqx.field(static=True)

    def start(self, length: int) -> Any:
        """Each at its own start."""
        return eqx.filter_vmap(lambda core: core.start(length))(self.cores)

    def step(self, carry: Any, u: Float[Array, " inputs"]) -> tuple[Any, Float[Array, " features"]]:
        """One token for each."""
        carry, h = eqx.filter_vmap(lambda core, carry, u: core.step(carry, u))(self.cores, carry, u.reshape(self.num_members, -1))
        return carry, h.reshape(-1)

    def over(self, inputs: Float[Array, "length inputs"]) -> Float[Array, "length features"]:
        """All tokens for each."""
        apart = jnp.moveaxis(inputs.reshape(len(inputs), self.num_members, -1), 1, 0)
        h = eqx.filter_vmap(lambda core, u: core.over(u))(self.cores, apart)
        return jnp.moveaxis(h, 0, 1).reshape(len(inputs), -1)


class JointHead(eqx.Module):
    """log of the mean of K laws.

    Args:
        heads: stacked on a leading axis.
        num_members: K, static.
    """

    heads: Head
    num_members: int = eqx.field(static=True)

    def __call__(self, h: Float[Array, " features"]) -> Float[Array, " levels"]:
        each = eqx.filter_vmap(lambda head, h: jax.nn.log_softmax(head(h)))(self.heads, h.reshape(self.num_members, -1))
        return jax.nn.logsumexp(each, axis=0) - jnp.log(self.num_members)


def committee(members: Sequence[TokenSampler]) -> TokenSampler:
    """A generator of the members' mean conditionals.

    Args:
        members: of one architecture, length, vocabulary and end token.

    Raises:
        ConfigError: no member, or members of different shapes.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> members = [gru(jax.random.key(i), length=3, vocabulary=4) for i in range(3)]
        >>> q, x = committee(members), jnp.array([2, 0, 1])
        >>> bool(jnp.allclose(q.log_prob(x), members[0].log_prob(x), atol=1e-5))  # all uniform yet
        True
    """
    if not members:
        raise ConfigError("expected one member or more, got none; train some")
    first = members[0]
    if any(jax.tree.structure(each) != jax.tree.structure(first) or _shapes(each) != _shapes(first) for each in members):
        raise ConfigError("expected members of one architecture, length, vocabulary and end token, got different ones; make them alike")
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    embedding = jnp.concatenate([each.embedding for each in members], axis=-1)
    core, head = JointCore(stacked.core, len(members), len(members) * first.core.num_features), JointHead(stacked.head, len(members))
    return TokenSampler(embedding, core, head, first.length, first.end)


def _shapes(sampler: TokenSampler) -> list[tuple[int, ...]]:
    return [leaf.shape for leaf in jax.tree.leaves(sampler)]

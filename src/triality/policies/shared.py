"""A policy that is two policies: at every step a coin decides who acts (the pi_i = beta pi* + (1 - beta) pi of DAgger)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from triality.sampler import AbstractSampler
from triality.trajectory import Policy


class OneOfTwo(AbstractSampler[Any]):
    """log m(x) = log(share * q_1(x) + (1 - share) * q_2(x)): two samplers of one kind of x, of whatever classes.

    ``MixtureSampler`` mixes any number of samplers of one class; this one two of different classes.

    Example:
        >>> from triality.samplers.categorical import Categorical
        >>> mixed = OneOfTwo(Categorical(jnp.array([0.0, -jnp.inf])), Categorical(jnp.zeros(2)), jnp.array(0.5))
        >>> float(jnp.exp(mixed.log_prob(jnp.array(0))).round(4))
        0.75
    """

    first: AbstractSampler
    second: AbstractSampler
    share: Float[Array, ""]

    def log_prob(self, x: Any) -> Float[Array, ""]:
        return jnp.logaddexp(jnp.log(self.share) + self.first.log_prob(x), jnp.log1p(-self.share) + self.second.log_prob(x))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Any, Float[Array, ""]]:
        key_coin, key_first, key_second = jax.random.split(key, 3)
        is_first = jax.random.uniform(key_coin, dtype=self.share.dtype) < self.share
        x = _chosen(is_first, self.first.sample(key_first), self.second.sample(key_second))
        return x, self.log_prob(x)


class SharedPolicy(eqx.Module):
    """``first`` acts with probability ``share``, else ``second``: drawn anew at every step.

    Args:
        first: a policy; of an expert in DAgger.
        second: a policy for the same observations and actions.
        share: beta in [0, 1].
    """

    first: Policy
    second: Policy
    share: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"]) -> OneOfTwo:
        return OneOfTwo(self.first(observation), self.second(observation), self.share)


def _chosen(is_first: Bool[Array, ""], first: PyTree, second: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(is_first, a, b), first, second)

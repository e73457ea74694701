"""Mixture of fixed capacity: the fusion of past samplers (footnote 3, D12) as one Sampler."""

from __future__ import annotations

from typing import Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.sampler import AbstractSampler

X = TypeVar("X")


class MixtureSampler(AbstractSampler[X], Generic[X]):
    """log m(x) = logsumexp_k (log w_k + log q_k(x)), components stacked along a leading axis.

    A stacked pytree, not a list, so it lives in ``scan`` and ``vmap``. An empty slot has log weight -inf.

    Args:
        components: a Sampler whose array leaves have a leading axis of length K: ``jax.vmap(Gaussian)(means, log_scales)``, or ``stack``.
        log_weight: K log weights; they need not be normalized.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.samplers.gaussian import Gaussian
        >>> pair = MixtureSampler(jax.vmap(Gaussian)(jnp.array([[-1.0], [1.0]]), jnp.zeros((2, 1))), jnp.zeros(2))
        >>> float(pair.log_prob(jnp.zeros(1)).__round__(4))
        -1.4189
    """

    components: AbstractSampler[X]
    log_weight: Float[Array, " capacity"]

    def log_prob(self, x: X) -> Float[Array, ""]:
        return jax.nn.logsumexp(jax.nn.log_softmax(self.log_weight) + self.component_log_probs(x))

    def component_log_probs(self, x: X) -> Float[Array, " capacity"]:
        """One column of the K x N matrix of D12: log q_k(x) for every component; -inf in empty slots."""
        values = eqx.filter_vmap(lambda q: q.log_prob(x))(self.components)
        return jnp.where(jnp.isneginf(self.log_weight), -jnp.inf, values)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[X, Float[Array, ""]]:
        key_choice, key_draw = jax.random.split(key)
        x = self.component(jax.random.categorical(key_choice, self.log_weight)).sample(key_draw)
        return x, self.log_prob(x)

    def component(self, index: Int[Array, ""] | int) -> AbstractSampler[X]:
        """The sampler in slot ``index``."""
        return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, self.components)

    def replace(self, index: Int[Array, ""], sampler: AbstractSampler[X], log_weight: Float[Array, ""]) -> MixtureSampler[X]:
        """The mixture with slot ``index`` overwritten: a ring buffer evicts its oldest slot this way."""
        components = put(self.components, index, sampler)
        return MixtureSampler(components, self.log_weight.at[index].set(log_weight))


def stack(tree: PyTree, capacity: int) -> PyTree:
    """``capacity`` copies of a pytree along a new leading axis of every array leaf."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (capacity, *leaf.shape)) if eqx.is_array(leaf) else leaf, tree)


def put(stacked: PyTree, index: Int[Array, ""], tree: PyTree) -> PyTree:
    """The stacked pytree with entry ``index`` replaced."""
    return jax.tree.map(lambda many, one: many.at[index].set(one) if eqx.is_array(many) else many, stacked, tree)

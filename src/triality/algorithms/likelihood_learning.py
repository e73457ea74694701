"""Maximum likelihood of a generator of known density: Adam on minibatches (sections 1 and 2.4).

    minimize over q:   -E_p log q(x)

The start of every adversarial run here, and the baseline of each. Where q cannot hold p it covers: a Gaussian on two modes puts its
mass between them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.algorithms.minibatch import DataSet
from triality.objectives.generator_loss import GeneratorLoss, Likelihood
from triality.sampler import AbstractSampler, Samples


class LikelihoodState(NamedTuple):
    """What the next step needs."""

    sampler: AbstractSampler[Any]
    optimizer: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class LikelihoodMetrics(NamedTuple):
    """Never needed next.

    Fields:
        negative_log_likelihood: the loss on the minibatch, nats a sample; judge it on held-out data.
        is_finite: whether all parameters are finite after the step.
    """

    negative_log_likelihood: Float[Array, ""]
    is_finite: Array


class LikelihoodLearning(eqx.Module):
    """Adam with gradients clipped by their norm.

    Args:
        data: what is learned from.
        learning_rate: Adam step.
        batch_size: samples a minibatch.
        loss: of a minibatch; ``OrderAgnostic()`` for a generator over orders.
        max_gradient_norm: where the gradient is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.run import run
        >>> from triality.samplers.gaussian import Gaussian
        >>> x = 2.0 + 0.5 * jax.random.normal(jax.random.key(0), (500, 1))
        >>> learning = LikelihoodLearning(DataSet(x), learning_rate=0.05)
        >>> state = learning.init(jax.random.key(1), Gaussian(jnp.zeros(1), jnp.zeros(1)))
        >>> state, _, _ = jax.jit(lambda s: run(learning, s, 1, 300))(state)
        >>> bool(abs(state.sampler.mean[0] - 2.0) < 0.1)
        True
    """

    data: DataSet
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    batch_size: int = eqx.field(default=256, static=True)
    loss: GeneratorLoss = Likelihood()
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)

    def init(self, key: Key[Array, ""], sampler: AbstractSampler[Any]) -> LikelihoodState:
        """A first state."""
        optimizer = self._optimizer().init(eqx.filter(sampler, eqx.is_inexact_array))
        return LikelihoodState(sampler, optimizer, key, jnp.zeros((), jnp.int32))

    def step(self, state: LikelihoodState) -> tuple[LikelihoodState, LikelihoodMetrics]:
        """One minibatch."""
        key, key_batch, key_loss = jax.random.split(state.key, 3)
        x = self.data.minibatch(key_batch, self.batch_size)
        batch = Samples.unweighted(x, jnp.zeros(self.batch_size))
        value, gradient = eqx.filter_value_and_grad(lambda sampler: self.loss(key_loss, sampler, batch, state.iteration))(state.sampler)
        updates, optimizer = self._optimizer().update(gradient, state.optimizer)
        sampler = eqx.apply_updates(state.sampler, updates)
        after = LikelihoodState(sampler, optimizer, key, state.iteration + 1)
        return after, LikelihoodMetrics(value, all_finite(sampler))

    def _optimizer(self) -> optax.GradientTransformation:
        return clipped_adam(self.learning_rate, self.max_gradient_norm)


def clipped_adam(learning_rate: Float[Array, ""], max_norm: Float[Array, ""]) -> optax.GradientTransformation:
    """Adam, on one flat vector so that it costs the same for many small leaves, after clipping the gradient by its norm."""
    return optax.flatten(optax.chain(optax.clip_by_global_norm(max_norm), optax.scale_by_adam(), optax.scale(-1.0 * learning_rate)))


def all_finite(tree: PyTree) -> Array:
    """Whether every floating leaf is finite."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])) if leaves else jnp.array(True)

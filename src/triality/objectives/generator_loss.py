"""Losses of a generator learned directly from data: what ``LikelihoodLearning`` minimizes.

    likelihood:      -E_p log q(x)
    order-agnostic:  -E_o E_p log q_o(x),  o uniform over all orders of the coordinates

The second is an upper bound on the first of a mixture over all orders (Jensen); its minimum has every conditional right in every order.
A loss is told the iteration, since some change while they are learned by (scheduled sampling, MIXER).
Reference: Uria, Murray, Larochelle, A deep and tractable density estimator, arXiv:1310.1757.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, Key

from triality.objectives.likelihood import negative_log_likelihood
from triality.sampler import AbstractDensity, AbstractSampler, Samples


@runtime_checkable
class GeneratorLoss(Protocol):
    """A number to be minimized, in nats a sample, from a key, a generator, a minibatch of data, and how many steps were made before."""

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]: ...


class Likelihood(eqx.Module):
    """-E_p log q(x). Uses no chance.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.samplers.gaussian import Gaussian
        >>> data = Samples.unweighted(jnp.zeros((4, 1)), jnp.zeros(4))
        >>> float(Likelihood()(jax.random.key(0), Gaussian(jnp.zeros(1), jnp.zeros(1)), data, jnp.array(0)).__round__(4))
        0.9189
    """

    def __call__(self, key: Key[Array, ""], sampler: AbstractSampler[Any], data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        del key, iteration
        return negative_log_likelihood(sampler, data)


class OrderAgnostic(eqx.Module):
    """-E_p log q_o(x), in one order o for the whole minibatch, drawn anew at each call from all there are.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.samplers.autoregressive.made_over_orders import made_over_orders
        >>> data = Samples.unweighted(jnp.zeros((4, 3), int), jnp.zeros(4))
        >>> float(OrderAgnostic()(jax.random.key(0), made_over_orders(jax.random.key(1), 3), data, jnp.array(0)).__round__(4))
        2.0794
    """

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        del iteration
        order = jax.random.permutation(key, sampler.orders.shape[1])
        return negative_log_likelihood(InOrder(sampler, order), data)


class InOrder(AbstractDensity[Any]):
    """One of the densities that a generator over orders is made of.

    Args:
        sampler: with ``log_prob_in(order, x)``.
        order: a permutation.
    """

    sampler: Any
    order: Int[Array, " dim"]

    def log_prob(self, x: Any) -> Float[Array, ""]:
        """log q_o(x), in nats."""
        return self.sampler.log_prob_in(self.order, x)

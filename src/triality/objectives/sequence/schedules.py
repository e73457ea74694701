"""How a share falls over the steps of a run: from 1, each in one of the ways of Bengio et al. (2015, arXiv:1506.03099, section 2.4)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@runtime_checkable
class Schedule(Protocol):
    """The share at a step, in [0, 1]."""

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]: ...


class ConstantShare(eqx.Module):
    """The same at every step."""

    share: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        del iteration
        return self.share


class LinearDecay(eqx.Module):
    """max(least, 1 - i / num_steps).

    Example:
        >>> LinearDecay(10, 0.25)(jnp.array(5)).item(), LinearDecay(10, 0.25)(jnp.array(9)).item()
        (0.5, 0.25)
    """

    num_steps: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    least: Float[Array, ""] = eqx.field(default=0.0, converter=jnp.asarray)

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.maximum(self.least, 1.0 - iteration / self.num_steps)


class ExponentialDecay(eqx.Module):
    """base^i, 0 < base < 1.

    Example:
        >>> ExponentialDecay(0.5)(jnp.array(2)).item()
        0.25
    """

    base: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.exp(iteration * jnp.log(self.base))


class InverseSigmoidDecay(eqx.Module):
    """k / (k + exp(i / k)), k >= 1: a plateau, then a fall around i = k log k.

    Example:
        >>> InverseSigmoidDecay(1.0)(jnp.array(0)).item()
        0.5
    """

    k: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jax.nn.sigmoid(jnp.log(self.k) - iteration / self.k)

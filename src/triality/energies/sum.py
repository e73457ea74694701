"""Energies made of parts: sums, and a frozen density as an energy. Products of experts, and tilts of a generator.

    SumEnergy((NegativeLogDensity(q_0), f)):     p(x) = q_0(x) exp(-f(x)) / Z,     Z = E_{q_0}[exp(-f)]

A tilt begins at q_0 itself where f = 0, so that log Z begins at 0 and importance sampling from q_0 begins with equal weights.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import Energy
from triality.sampler import AbstractDensity

X = TypeVar("X")


class SumEnergy(eqx.Module, Generic[X]):
    """E(x) = sum of its parts' energies: the product of their unnormalized densities (Hinton 2002).

    Example:
        >>> float(SumEnergy((lambda x: x, lambda x: 2.0 * x))(jnp.array(3.0)))
        9.0
    """

    parts: tuple[Energy[X], ...]

    def __call__(self, x: X) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([part(x) for part in self.parts]))


class NegativeLogDensity(eqx.Module, Generic[X]):
    """E(x) = -log q_0(x) of a density, frozen: no gradient reaches its parameters.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> float(NegativeLogDensity(Gaussian(jnp.zeros(1), jnp.zeros(1)))(jnp.zeros(1)).__round__(4))
        0.9189
    """

    density: AbstractDensity[X]

    def __call__(self, x: X) -> Float[Array, ""]:
        return -frozen(self.density).log_prob(x)


def frozen(tree: X) -> X:
    """The same object with every array cut off from differentiation; gradients still pass through what it is applied to."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)

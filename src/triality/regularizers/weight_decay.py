"""Weight decay that spares log Z: weight * |theta|^2 / 2 over the energy's parameters.

A penalty is handed the energy alone, so that decaying log Z toward 0, which biases it (D5), cannot happen by accident.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.sampler import Samples


class WeightDecay(eqx.Module):
    """Half the squared norm of all parameters of the energy.

    Args:
        weight: nats for parameters of norm sqrt(2).

    Example:
        >>> from triality.energies.linear import LinearEnergy
        >>> none = Samples.unweighted(jnp.zeros((1, 1)), jnp.zeros(1))
        >>> float(WeightDecay(0.1)(jax.random.key(0), LinearEnergy(lambda x: x, jnp.array([3.0, 4.0])), none, none).__round__(6))
        1.25
    """

    weight: Float[Array, ""] = eqx.field(default=1e-4, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
        del key, data, drawn
        leaves = jax.tree.leaves(eqx.filter(energy, eqx.is_inexact_array))
        return 0.5 * self.weight * sum((jnp.sum(leaf**2) for leaf in leaves), jnp.zeros(()))

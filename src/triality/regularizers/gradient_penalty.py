"""Gradient penalties on an energy of points: of the ordinary kind at real data (R1), and between data and draws.

    R1:             weight * E_p[ |dE/dx|^2 ]
    interpolated:   weight * E[ |dE/dx|^2 ] at x = t x_data + (1 - t) x_drawn, t uniform

Toward zero, not toward one: an energy should be no steeper than it must. R1 vanishes wherever data are at rest in the energy, and then
leaves the optimum where it is; it biases any energy that has a slope where its data are.
References: Mescheder et al. 2018 (arXiv:1801.04406); Gulrajani et al. 2017 (arXiv:1704.00028).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.numerics import weighted_mean
from triality.objectives.masking import filled
from triality.sampler import Samples


class DataGradientPenalty(eqx.Module):
    """R1: mean squared gradient at the data.

    Args:
        weight: nats for a gradient of one nat a unit of x.

    Example:
        >>> import jax
        >>> data = Samples.unweighted(jnp.ones((4, 2)), jnp.zeros(4))
        >>> float(DataGradientPenalty(0.5)(jax.random.key(0), lambda x: 3.0 * x[0] - 4.0 * x[1], data, data))
        12.5
    """

    weight: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
        del key, drawn
        data = filled(data)
        return self.weight * weighted_mean(_squared_gradients(energy, data.x), data.log_weight)


class InterpolatedGradientPenalty(eqx.Module):
    """Mean squared gradient at ``num_points`` points on lines between a datum and a draw, both picked by their weights.

    Args:
        weight: nats for a gradient of one nat a unit of x.
        num_points: points a call.

    Example:
        >>> import jax
        >>> data, drawn = Samples.unweighted(jnp.ones((4, 1)), jnp.zeros(4)), Samples.unweighted(jnp.zeros((3, 1)), jnp.zeros(3))
        >>> float(InterpolatedGradientPenalty(1.0, 8)(jax.random.key(0), lambda x: 2.0 * x[0], data, drawn))
        4.0
    """

    weight: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)
    num_points: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
        key_data, key_drawn, key_mix = jax.random.split(key, 3)
        x, y = self._some(key_data, data), self._some(key_drawn, drawn)
        mix = jax.random.uniform(key_mix, (self.num_points,) + (1,) * (x.ndim - 1))
        return self.weight * jnp.mean(_squared_gradients(energy, mix * x + (1.0 - mix) * y))

    def _some(self, key: Key[Array, ""], samples: Samples) -> Float[Array, "num_points ..."]:
        return samples.x[jax.random.categorical(key, samples.log_weight, shape=(self.num_points,))]


def _squared_gradients(energy: Energy[Any], x: Float[Array, "n ..."]) -> Float[Array, " n"]:
    gradients = jax.vmap(jax.grad(energy))(x)
    return jnp.sum(gradients.reshape(x.shape[0], -1) ** 2, axis=-1)

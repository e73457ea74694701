"""EBGAN's margin loss, and the pull-away term of its generator (Zhao, Mathieu, LeCun 2017, arXiv:1609.03126).

    energy:     L = E_p[E(x)] + E_q[ max(0, m - E(x)) ]
    generator:  E_q[E(x)] + weight * pull-away,   pull-away = mean over pairs i != j of cos(code_i, code_j)^2

E is non-negative, an auto-encoder's error in the paper. Beyond the margin a draw gives no gradient. At the equilibrium q = p every constant
energy of at most m is optimal: what comes out is **no density**, and has no log Z.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.numerics import weighted_mean
from triality.objectives.masking import filled
from triality.sampler import Samples


class MarginMetrics(NamedTuple):
    """Never needed next.

    Fields:
        energy_data: mean energy of the data.
        energy_drawn: mean energy of the draws.
        inside_margin: share of the draws that still give a gradient; 0 = the energy has stopped learning.
    """

    energy_data: Float[Array, ""]
    energy_drawn: Float[Array, ""]
    inside_margin: Float[Array, ""]


def margin_loss(
    energy_data: Float[Array, " n"],
    energy_drawn: Float[Array, " m"],
    margin: Float[Array, ""] | float,
    log_weight_data: Float[Array, " n"],
    log_weight_drawn: Float[Array, " m"],
) -> Float[Array, ""]:
    """mean E(data) + mean max(0, m - E(drawn)).

    Example:
        >>> import jax.numpy as jnp
        >>> float(margin_loss(jnp.array([1.0]), jnp.array([0.5, 9.0]), 2.0, jnp.zeros(1), jnp.zeros(2)))
        1.75
    """
    return weighted_mean(energy_data, log_weight_data) + weighted_mean(jax.nn.relu(margin - energy_drawn), log_weight_drawn)


class MarginLoss(eqx.Module):
    """The energy's loss as an objective."""

    margin: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], MarginMetrics]:
        data, drawn = filled(data), filled(drawn)
        on_data, on_drawn = jax.vmap(density.energy)(data.x), jax.vmap(density.energy)(drawn.x)
        inside = weighted_mean((on_drawn < self.margin).astype(on_drawn.dtype), drawn.log_weight)
        metrics = MarginMetrics(weighted_mean(on_data, data.log_weight), weighted_mean(on_drawn, drawn.log_weight), inside)
        return margin_loss(on_data, on_drawn, self.margin, data.log_weight, drawn.log_weight), metrics


def pull_away(code: Float[Array, "n code"]) -> Float[Array, ""]:
    """Mean squared cosine between the codes of different draws, in [0, 1]; 1 = all draws alike.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(pull_away(jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))), 4)
        0.3333
    """
    n = code.shape[0]
    square = jnp.sum(code**2, axis=-1)
    unit = code * jax.lax.rsqrt(jnp.maximum(square, jnp.finfo(code.dtype).tiny))[:, None]
    cosine = unit @ unit.T
    return (jnp.sum(cosine**2) - jnp.sum(jnp.diag(cosine) ** 2)) / (n * (n - 1))

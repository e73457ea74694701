"""Down at the data, up at negatives, all weights one: Kim & Bengio's loss, contrastive divergence, persistent or not.

    L = E_p[E] - E_negatives[E]

The gradient is the likelihood's only where the negatives follow p_theta. Negatives from a sampler q (Kim & Bengio 2016) bias it by
E_{p_theta}[dE] - E_q[dE] wherever q is not p_theta: with a fixed q and a linear energy the gradient is constant, and E diverges. Negatives
from k steps of a chain are contrastive divergence (Hinton 2002); from a chain that goes on, persistent (Tieleman 2008). **The value is
neither bounded nor a sign of progress**; log q is never read, so that chains, which have none, serve too.

References: arXiv:1606.03439 (Kim & Bengio); Hinton 2002, Neural Computation 14.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.numerics import weighted_mean
from triality.objectives.masking import filled
from triality.sampler import Samples


class ContrastiveMetrics(NamedTuple):
    """Never needed next.

    Fields:
        energy_data: mean energy of the data, nats.
        energy_drawn: mean energy of the negatives; a gap that only grows is the divergence described above.
    """

    energy_data: Float[Array, ""]
    energy_drawn: Float[Array, ""]


def contrastive_loss(
    energy_data: Float[Array, " n"],
    energy_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"],
    log_weight_drawn: Float[Array, " m"],
) -> Float[Array, ""]:
    """mean E(data) - mean E(negatives).

    Example:
        >>> import jax.numpy as jnp
        >>> float(contrastive_loss(jnp.array([1.0, 3.0]), jnp.array([5.0]), jnp.zeros(2), jnp.zeros(1)))
        -3.0
    """
    return weighted_mean(energy_data, log_weight_data) - weighted_mean(energy_drawn, log_weight_drawn)


class ContrastiveLoss(eqx.Module):
    """The loss as an objective; ``log_z`` and ``log_q`` have no part in it."""

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], ContrastiveMetrics]:
        data, drawn = filled(data), filled(drawn)
        on_data, on_drawn = jax.vmap(density.energy)(data.x), jax.vmap(density.energy)(drawn.x)
        means = weighted_mean(on_data, data.log_weight), weighted_mean(on_drawn, drawn.log_weight)
        return contrastive_loss(on_data, on_drawn, data.log_weight, drawn.log_weight), ContrastiveMetrics(*means)

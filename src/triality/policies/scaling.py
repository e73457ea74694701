"""One scaling of observations, shared by cost, policy and value, and stored with each of them (pitfall 7: two different ones)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Scaling(eqx.Module):
    """(observation - mean) / scale, with frozen statistics: leaves of whatever holds it, never trained.

    Frozen on purpose: statistics that move would change the density of every past sampler behind its back.
    """

    mean: Float[Array, " obs"]
    scale: Float[Array, " obs"]

    def __call__(self, observation: Float[Array, " obs"]) -> Float[Array, " obs"]:
        return (observation - jax.lax.stop_gradient(self.mean)) / jax.lax.stop_gradient(self.scale)


def identity_scaling(size: int) -> Scaling:
    """Observations as they are."""
    return Scaling(jnp.zeros(size), jnp.ones(size))


def fit_scaling(observations: Float[Array, "n obs"], smallest_scale: float = 1e-3) -> Scaling:
    """Mean and standard deviation of ``observations``. A coordinate that does not move keeps scale one.

    Example:
        >>> import jax.numpy as jnp
        >>> fit_scaling(jnp.array([[0.0, 5.0], [2.0, 5.0]])).scale.tolist()
        [1.0, 1.0]
    """
    scale = jnp.std(observations, axis=0)
    return Scaling(jnp.mean(observations, axis=0), jnp.where(scale > smallest_scale, scale, 1.0))

"""One scaling of observations, shared by cost, policy and value, and stored with each of them (pitfall 7: two different ones)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Scaling(eqx.Module):
    """(observation - mean) / scale, with frozen statistics: leaves of whatever holds it, never trained.

    Frozen on purpose: statistics that move would change the density of every past sampler behind its back.
    """

    mean: Float[Array, " obs"]
    scale: Float[Array, " obs"]

    def __call__(self, observation: Float[Array, " obs"]) -> Float[Array, " obs"]:
        return (observation - jax.lax.stop_gradient(self.mean)) / jax.lax.stop_gradient(self.scale)


class PartialScaling(eqx.Module):
    """The scaled observation with zero for every coordinate that is not ``seen``: what is computed from it cannot depend on those.

    Args:
        scaling: of the whole observation, one and the same as everywhere else.
        seen: coordinates that go through.

    Example:
        >>> import jax.numpy as jnp
        >>> PartialScaling(Scaling(jnp.zeros(3), jnp.full(3, 2.0)), (0, 2))(jnp.array([2.0, 4.0, 6.0])).tolist()
        [1.0, 0.0, 3.0]
    """

    scaling: Scaling
    seen: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, observation: Float[Array, " obs"]) -> Float[Array, " obs"]:
        return jnp.where(self.mask, self.scaling(observation), 0.0)

    @property
    def mask(self) -> np.ndarray:
        """Whether each coordinate goes through."""
        return np.isin(np.arange(self.scaling.mean.shape[-1]), self.seen)


AnyScaling = Scaling | PartialScaling
"""What a cost puts observations through first."""


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

"""A sampler on the scale of the data: x = shift + scale * z, z from any sampler of vectors.

    log q(x) = log q_z((x - shift)/scale) - sum log scale

Generators begin near the standard normal; data rarely do. ``standardize`` puts the two on one scale; the shift and the scale stay fixed
while the sampler inside learns.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from triality.errors import DataError
from triality.sampler import AbstractSampler


class Standardized(AbstractSampler[Float[Array, " dim"]]):
    """An affine image, coordinate by coordinate, of a sampler; reparameterized if that is.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> q = Standardized(Gaussian(jnp.zeros(1), jnp.zeros(1)), jnp.array([3.0]), jnp.array([2.0]))
        >>> float(q.log_prob(jnp.array([3.0])).__round__(4))  # -log(2) - log(2 pi)/2
        -1.6121
    """

    base: AbstractSampler[Float[Array, " dim"]]
    shift: Float[Array, " dim"]
    scale: Float[Array, " dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        shift, scale = self._fixed
        return self.base.log_prob((x - shift) / scale) - jnp.sum(jnp.log(scale))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        shift, scale = self._fixed
        z, log_q = self.base.sample_and_log_prob(key)
        return shift + scale * z, log_q - jnp.sum(jnp.log(scale))

    @property
    def _fixed(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return jax.lax.stop_gradient((self.shift, self.scale))


def standardize(base: AbstractSampler[Float[Array, " dim"]], x: Num[Array, "n dim"]) -> Standardized:
    """``base`` on the scale of ``x``: the mean and the standard deviation of each column.

    Raises:
        DataError: a column is constant.
    """
    x = x.astype(float)
    scale = jnp.std(x, axis=0)
    constant = [int(i) for i in jnp.flatnonzero(~(scale > 0))]
    if constant:
        raise DataError(f"expected columns that vary, got constant ones: {constant}; leave them out")
    return Standardized(base, jnp.mean(x, axis=0), scale)

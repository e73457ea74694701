"""Neal's funnel: a scale that is itself unknown. Every fixed step size is too long in the neck or too short in the mouth.

    x_0 ~ N(0, 3^2),     x_i | x_0 ~ N(0, exp(x_0)),     i = 1 .. d - 1

exp(x_0) is the variance: the standard deviation of the other coordinates is exp(x_0/2).

Reference: Neal, Slice sampling, Annals of Statistics 31 (2003); d = 10 and standard deviation 3 as in Midgley et al., Flow annealed
importance sampling bootstrap, arXiv:2208.01893.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import LOG_TWO_PI


class Funnel(AbstractSampler[Float[Array, " dim"]]):
    """d coordinates, the first of which is the log variance of the others; density with respect to Lebesgue measure.

    Args:
        dim: d, at least 2; static.
        neck_scale: standard deviation of the first coordinate.

    Example:
        >>> float(funnel().log_prob(jnp.zeros(10)).__round__(4))  # -5 log(2 pi) - log 3
        -10.288
    """

    dim: int = eqx.field(static=True)
    neck_scale: Float[Array, ""]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """log N(x_0; 0, neck_scale^2) + sum_i log N(x_i; 0, exp(x_0))."""
        neck, rest = x[0], x[1:]
        quadratic = (neck / self.neck_scale) ** 2 + jnp.sum((rest * jnp.exp(-0.5 * neck)) ** 2)
        return -0.5 * (quadratic + (self.dim - 1) * neck + self.dim * LOG_TWO_PI) - jnp.log(self.neck_scale)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """Reparameterized."""
        noise = jax.random.normal(key, (self.dim,))
        neck = self.neck_scale * noise[0]
        x = jnp.concatenate([neck[None], jnp.exp(0.5 * neck) * noise[1:]])
        return x, self.log_prob(x)

    def energy(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """-log p(x), in nats."""
        return -self.log_prob(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``: 0."""
        return jnp.zeros(())

    @property
    def box(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """What a picture shows, not where the mass is: two standard deviations of the neck, and the mouth as far as it is dense."""
        high = jnp.full(self.dim, 10.0).at[0].set(2.0 * self.neck_scale)
        return -high, high


def funnel(dim: int = 10, neck_scale: float = 3.0) -> Funnel:
    """Ten coordinates, standard deviation 3.

    Raises:
        ConfigError: fewer than two coordinates, or a standard deviation that is not positive.
    """
    if dim < 2 or not neck_scale > 0:
        raise ConfigError(f"expected at least 2 coordinates and a positive scale, got {dim} and {neck_scale}; ask for funnel(10, 3.0)")
    return Funnel(dim, jnp.asarray(neck_scale, float))

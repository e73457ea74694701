"""A quadratic energy, whose log Z is known in closed form: the first thing to try an estimator on.

E(x) = |L^T (x - m)|^2 / 2,     log Z = d log(2 pi)/2 - sum log diag L,     exp(-E)/Z = N(m, (L L^T)^-1)
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.samplers.gaussian import LOG_TWO_PI


class QuadraticEnergy(eqx.Module):
    """A Gaussian as an energy; the precision is L L^T, L lower triangular with a diagonal that is always positive.

    Args:
        mean: m.
        log_diagonal: log of L's diagonal.
        below: any matrix; its entries below the diagonal are those of L.

    Example:
        >>> import jax.numpy as jnp
        >>> energy = QuadraticEnergy(jnp.zeros(1), jnp.zeros(1), jnp.zeros((1, 1)))
        >>> float(energy(jnp.array([2.0]))), float(energy.log_z.__round__(4))
        (2.0, 0.9189)
    """

    mean: Float[Array, " dim"]
    log_diagonal: Float[Array, " dim"]
    below: Float[Array, "dim dim"]

    def __call__(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return 0.5 * jnp.sum(((x - self.mean) @ self.factor) ** 2)

    @property
    def factor(self) -> Float[Array, "dim dim"]:
        """L."""
        return jnp.tril(self.below, -1) + jnp.diag(jnp.exp(self.log_diagonal))

    @property
    def log_z(self) -> Float[Array, ""]:
        """The exact log Z, in nats."""
        return 0.5 * self.mean.shape[0] * LOG_TWO_PI - jnp.sum(self.log_diagonal)


def quadratic_energy(key: Key[Array, ""], dim: int) -> QuadraticEnergy:
    """Near the standard normal, a little off it so that no gradient vanishes by symmetry."""
    mean, below = 0.1 * jax.random.normal(key, (dim,)), jnp.zeros((dim, dim))
    return QuadraticEnergy(mean, jnp.zeros(dim), below)

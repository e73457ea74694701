"""The family of f-divergences, in log space: what a critic estimates, and what tells the objectives here apart (D6; Nowozin et al. 2016).

    D_f(p || q) = E_q[ f(p/q) ],    f convex, f(1) = 0, f'(1) = 0
    D_f >= E_p[ f'(r) ] - E_q[ r f'(r) - f(r) ]   for every r > 0,   with equality at r = p/q

Everything takes log r. Each ``f`` here is written with f'(1) = 0, which changes no divergence and makes both terms vanish at r = 1.

| class | f(u) | f'(u) | u f'(u) - f(u) |
|---|---|---|---|
| ``KL`` | u log u - u + 1 | log u | u - 1 |
| ``ReverseKL`` | -log u + u - 1 | 1 - 1/u | log u |
| ``JensenShannon`` | u log u - (1 + u) log((1 + u)/2) | log(2u/(1 + u)) | log((1 + u)/2) |
| ``Pearson`` | (u - 1)^2 | 2(u - 1) | u^2 - 1 |
| ``Neyman`` | (u - 1)^2/u | 1 - 1/u^2 | 2 - 2/u |
| ``SquaredHellinger`` | (sqrt u - 1)^2 | 1 - 1/sqrt u | sqrt u - 1 |
| ``Alpha(a)`` | (u^a - 1 - a(u - 1))/(a(a - 1)) | (u^(a-1) - 1)/(a - 1) | (u^a - 1)/a |

``JensenShannon`` is twice the usual divergence, 2 JS <= 2 log 2, as in f-GAN's table. Reference: arXiv:1606.00709.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

LOG_TWO = 0.6931471805599453


@runtime_checkable
class Divergence(Protocol):
    """f, its derivative, and the conjugate at the derivative, f*(f'(u)) = u f'(u) - f(u), all at u = exp(log_r)."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]: ...

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]: ...

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]: ...


class KL(eqx.Module):
    """KL(p || q). The optimal log Z of its critic is importance sampling; its gradient is the likelihood's (guided cost learning)."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.exp(log_r) * log_r - jnp.expm1(log_r)

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return log_r

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(log_r)


class ReverseKL(eqx.Module):
    """KL(q || p). The optimal log Z of its critic is the reciprocal estimator, from the data alone."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(log_r) - log_r

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return -jnp.expm1(-log_r)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return log_r


class JensenShannon(eqx.Module):
    """Twice the Jensen-Shannon divergence: the GAN. The optimal log Z of its critic is the acceptance ratio."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.exp(log_r) * (LOG_TWO - jax.nn.softplus(-log_r)) + LOG_TWO - jax.nn.softplus(log_r)

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return LOG_TWO - jax.nn.softplus(-log_r)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jax.nn.softplus(log_r) - LOG_TWO


class Pearson(eqx.Module):
    """chi^2(p || q) = E_q[(p/q - 1)^2]: the variance of importance weights."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(log_r) ** 2

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return 2.0 * jnp.expm1(log_r)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(2.0 * log_r)


class Neyman(eqx.Module):
    """chi^2(q || p)."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(log_r) ** 2 * jnp.exp(-log_r)

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return -jnp.expm1(-2.0 * log_r)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return -2.0 * jnp.expm1(-log_r)


class SquaredHellinger(eqx.Module):
    """E_q[(sqrt(p/q) - 1)^2] <= 2; between the two KLs, and bounded."""

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(0.5 * log_r) ** 2

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return -jnp.expm1(-0.5 * log_r)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(0.5 * log_r)


class Alpha(eqx.Module):
    """The alpha family, a not 0 or 1: Pearson/2 at 2, Neyman/2 at -1, 2 Hellinger^2 at 1/2; KL and reverse KL are its limits at 1 and 0.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Alpha(2.0).f(jnp.log(3.0)).__round__(6)), float(Pearson().f(jnp.log(3.0)).__round__(6))
        (2.0, 4.0)
    """

    alpha: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def f(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        a = self.alpha
        return (jnp.expm1(a * log_r) - a * jnp.expm1(log_r)) / (a * (a - 1.0))

    def slope(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1((self.alpha - 1.0) * log_r) / (self.alpha - 1.0)

    def conjugate(self, log_r: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.expm1(self.alpha * log_r) / self.alpha

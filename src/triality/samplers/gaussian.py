"""Diagonal Gaussian, and the Gaussian squashed into a box by tanh (D11)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.sampler import AbstractSampler

LOG_TWO_PI = 1.8378770664093453
MARGIN = 1e-6  # share of the half-width kept free at each bound, so that the pre-image of an action is finite in float32


class Gaussian(AbstractSampler[Float[Array, " dim"]]):
    """Independent normal coordinates; density with respect to Lebesgue measure.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Gaussian(jnp.zeros(2), jnp.zeros(2)).log_prob(jnp.zeros(2)).__round__(4))
        -1.8379
    """

    mean: Float[Array, " dim"]
    log_scale: Float[Array, " dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """-sum (z^2/2 + log scale + log(2 pi)/2), z = (x - mean)/scale."""
        z = (x - self.mean) * jnp.exp(-self.log_scale)
        return -jnp.sum(0.5 * z**2 + self.log_scale + 0.5 * LOG_TWO_PI)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """Reparameterized: gradients reach ``mean`` and ``log_scale`` through the draw."""
        z = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        x = self.mean + jnp.exp(self.log_scale) * z
        return x, -jnp.sum(0.5 * z**2 + self.log_scale + 0.5 * LOG_TWO_PI)

    @property
    def mode(self) -> Float[Array, " dim"]:
        """The most likely point."""
        return self.mean


def fit_gaussian(x: Float[Array, "n dim"], log_weight: Float[Array, " n"] | None = None) -> Gaussian:
    """The diagonal Gaussian of greatest likelihood: weighted mean and standard deviation. A rough p~ for the mixture weights (2.3.2).

    Example:
        >>> import jax.numpy as jnp
        >>> fitted = fit_gaussian(jnp.array([[0.0], [2.0]]))
        >>> fitted.mean.tolist(), jnp.exp(fitted.log_scale).round(6).tolist()
        ([1.0], [1.0])
    """
    weight = jax.nn.softmax(jnp.zeros(x.shape[0]) if log_weight is None else log_weight)
    mean = weight @ x
    return Gaussian(mean, 0.5 * jnp.log(weight @ (x - mean) ** 2))


def log_det_tanh(u: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """log d tanh(u)/du = 2 (log 2 - u - softplus(-2u)): finite where log(1 - tanh(u)^2) is -inf (D11)."""
    return 2.0 * (jnp.log(2.0) - u - jax.nn.softplus(-2.0 * u))


class SquashedGaussian(AbstractSampler[Float[Array, " dim"]]):
    """a = center + half_width * tanh(u), u Gaussian; density with respect to Lebesgue measure on the open box.

    An action closer to a bound than one millionth of the half-width is read as lying there, so that demonstrations on the bound have a
    finite density; draws are kept off the bound by the same margin. The law is exact as far as the base stays within |u| < 7.25, the
    margin's pre-image: what a broader base puts beyond piles up at the margin, where a draw carries the density of its own pre-image and
    ``log_prob`` that of the margin.

    Example:
        >>> import jax.numpy as jnp
        >>> q = SquashedGaussian(Gaussian(jnp.zeros(1), jnp.zeros(1)), jnp.zeros(1), jnp.array([2.0]))
        >>> float(q.log_prob(jnp.zeros(1)).__round__(4))
        -1.6121
    """

    base: Gaussian
    center: Float[Array, " dim"]
    half_width: Float[Array, " dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """log N(u) - sum log d tanh(u)/du - sum log half_width, at u = atanh of the scaled action."""
        scaled = jnp.clip((x - self.center) / self.half_width, -1.0 + MARGIN, 1.0 - MARGIN)
        u = jnp.arctanh(scaled)
        return self.base.log_prob(u) - jnp.sum(log_det_tanh(u) + jnp.log(self.half_width))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """A draw strictly inside the box, its density from the pre-image (never through atanh)."""
        u, log_base = self.base.sample_and_log_prob(key)
        scaled = jnp.clip(jnp.tanh(u), -1.0 + MARGIN, 1.0 - MARGIN)
        return self.center + self.half_width * scaled, log_base - jnp.sum(log_det_tanh(u) + jnp.log(self.half_width))

    @property
    def mode(self) -> Float[Array, " dim"]:
        """The image of the Gaussian's mean: the action of the mean policy."""
        return self.center + self.half_width * jnp.tanh(self.base.mean)

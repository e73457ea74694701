"""Pinwheel: Gaussian blades, sheared around the origin by a map that keeps areas.

    u ~ N((radius, 0), diag(radial_scale^2, tangential_scale^2)),     x = R(2 pi k/K + rate (|u| - radius)) u,     k ~ weights
    p(x) = sum_k w_k N(R(-2 pi k/K - rate (|x| - radius)) x)

A rotation by an angle that depends on the radius alone has determinant 1, and it keeps |x|: the inverse is the rotation back.

Reference: Johnson, Duvenaud, Wiltschko, Datta, Adams, Composing graphical models with neural networks (2016), where the angle turns by
rate exp(radius) of a latent normal; here by the radius itself, so that the inverse is in closed form.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import Gaussian


class Pinwheel(AbstractSampler[Float[Array, " 2"]]):
    """K sheared Gaussians; density with respect to Lebesgue measure of the plane.

    Args:
        blade: the Gaussian before rotation, its mean on the positive first axis.
        log_weight: of each blade, counterclockwise.
        rate: radians that a blade turns by a unit of radius.

    Example:
        >>> import jax
        >>> target = pinwheel()
        >>> low, high = target.box
        >>> bool(target.log_prob(jnp.array([2.0, 0.0])) > target.log_prob(jnp.array([0.0, 0.0])) + 5.0)  # a blade, and the hub
        True
    """

    blade: Gaussian
    log_weight: Float[Array, " blades"]
    rate: Float[Array, ""]

    def log_prob(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        """logsumexp over blades of the Gaussian's log density at the point turned back; the shear's log determinant is 0."""
        angles = self._blade_angles() + self._shear(x)
        unturned = jax.vmap(lambda angle: _rotate(x, -angle))(angles)
        return jax.nn.logsumexp(jax.nn.log_softmax(self.log_weight) + jax.vmap(self.blade.log_prob)(unturned))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " 2"], Float[Array, ""]]:
        key_blade, key_noise = jax.random.split(key)
        u = self.blade.sample(key_noise)
        angle = self._blade_angles()[jax.random.categorical(key_blade, self.log_weight)]
        x = _rotate(u, angle + self._shear(u))
        return x, self.log_prob(x)

    def energy(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        """-log p(x), in nats."""
        return -self.log_prob(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``: 0."""
        return jnp.zeros(())

    @property
    def box(self) -> tuple[Float[Array, " 2"], Float[Array, " 2"]]:
        """The square around the circle that six standard deviations beyond the blades' centers reach."""
        edge = self.blade.mean[0] + 6.0 * jnp.exp(jnp.max(self.blade.log_scale))
        return jnp.full(2, -edge), jnp.full(2, edge)

    def _blade_angles(self) -> Float[Array, " blades"]:
        num_blades = self.log_weight.shape[0]
        return 2.0 * jnp.pi * jnp.arange(num_blades) / num_blades

    def _shear(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        return self.rate * (_radius(x) - self.blade.mean[0])


def pinwheel(num_blades: int = 5, weights: Float[Array, " blades"] | None = None) -> Pinwheel:
    """Blades at radius 2, standard deviations 0.5 along and 0.15 across, turning by half a radian a unit.

    Raises:
        ConfigError: weights of another number, or not positive.
    """
    weights = jnp.ones(num_blades) if weights is None else weights
    if num_blades < 1 or weights.shape != (num_blades,) or not bool(jnp.all(weights > 0)):
        raise ConfigError(f"expected {num_blades} positive weights, got {weights.tolist()}; give one for each blade")
    blade = Gaussian(jnp.array([2.0, 0.0]), jnp.log(jnp.array([0.5, 0.15])))
    return Pinwheel(blade, jnp.log(weights), jnp.array(0.5))


def _rotate(x: Float[Array, " 2"], angle: Float[Array, ""]) -> Float[Array, " 2"]:
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cos * x[0] - sin * x[1], sin * x[0] + cos * x[1]])


def _radius(x: Float[Array, " 2"]) -> Float[Array, ""]:
    """|x|, with gradient zero instead of NaN at the origin."""
    squared = jnp.sum(x**2)
    return jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1.0)), 0.0)

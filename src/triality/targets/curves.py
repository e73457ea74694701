"""Curves in the plane, smeared by Gaussian noise: the usual pictures, with a density that is exact by construction.

    p(x) = sum_k w_k N(x; c(t_k), s^2 I),     t_k at the middle of equal pieces of the curve's parameter

The curve is laid with Gaussians one standard deviation apart, where the bumps along it are below one percent of the density. The density of
the mixture is exact; it is the curve that is approximate.

| target | curves | noise | parameter |
|---|---|---|---|
| ``two_moons`` | half circles of radius 1, the second upside down, shifted by (1, 1/2): scikit-learn's ``make_moons`` | 0.1 | angle |
| ``spirals`` | two opposite arms of 1.5 turns, radius = angle/3 | 0.1 | arc length |
| ``rings`` | circles of radius 1, 2, 3, 4, equally likely | 0.08 | angle |

Reference: the pictures of Grathwohl et al., FFJORD, arXiv:1810.01367; here scaled so that a box of a few units holds them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian_mixture import GaussianMixture


class CurveTarget(AbstractSampler[Float[Array, " 2"]]):
    """Curves with Gaussian noise; density with respect to Lebesgue measure of the plane.

    Args:
        mixture: nodes along the curves.

    Example:
        >>> import jax
        >>> moons = two_moons()
        >>> bool(moons.log_prob(jnp.array([0.0, 1.0])) > moons.log_prob(jnp.array([-0.4, 0.3])) + 5.0)  # on a moon, and beside it
        True
    """

    mixture: GaussianMixture

    def log_prob(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        return self.mixture.log_prob(x)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " 2"], Float[Array, ""]]:
        return self.mixture.sample_and_log_prob(key)

    def energy(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        """-log p(x), in nats."""
        return -self.log_prob(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``: 0."""
        return jnp.zeros(())

    @property
    def box(self) -> tuple[Float[Array, " 2"], Float[Array, " 2"]]:
        """Lower and upper corner: the curves and six standard deviations around them."""
        margin = 6.0 * jnp.exp(self.mixture.log_scale[0])
        return jnp.min(self.mixture.mean, axis=0) - margin, jnp.max(self.mixture.mean, axis=0) + margin


def two_moons(noise: float = 0.1, weights: Float[Array, " 2"] | None = None) -> CurveTarget:
    """Two half moons; ``weights`` of the upper and the lower one."""
    angle = jnp.pi * _middles(_num_nodes(jnp.pi, noise))
    upper = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    lower = jnp.stack([1.0 - jnp.cos(angle), 0.5 - jnp.sin(angle)], axis=-1)
    return _smeared([upper, lower], noise, weights)


def spirals(noise: float = 0.1, weights: Float[Array, " 2"] | None = None) -> CurveTarget:
    """Two arms that wind 1.5 times around the origin; r = angle/3, uniform along the arm's length."""
    fine = 3.0 * jnp.pi * jnp.linspace(0.0, 1.0, 4001)
    speed = jnp.sqrt(1.0 + fine**2) / 3.0
    length = jnp.concatenate([jnp.zeros(1), jnp.cumsum(0.5 * (speed[1:] + speed[:-1]) * jnp.diff(fine))])
    angle = jnp.interp(length[-1] * _middles(_num_nodes(float(length[-1]), noise)), length, fine)
    arm = angle[:, None] / 3.0 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    return _smeared([arm, -arm], noise, weights)


def rings(noise: float = 0.08, weights: Float[Array, " 4"] | None = None) -> CurveTarget:
    """Four circles around the origin; ``weights`` from the innermost to the outermost."""
    circles = []
    for radius in (1.0, 2.0, 3.0, 4.0):
        angle = 2.0 * jnp.pi * _middles(_num_nodes(2.0 * jnp.pi * radius, noise))
        circles.append(radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1))
    return _smeared(circles, noise, weights)


def _middles(num_nodes: int) -> Float[Array, " nodes"]:
    return (jnp.arange(num_nodes) + 0.5) / num_nodes


def _num_nodes(length: float, noise: float) -> int:
    """One Gaussian a standard deviation.

    Raises:
        ConfigError: the noise is not a positive number, or so small that thousands of Gaussians would be needed.
    """
    if not 0.005 <= noise <= 1.0:
        raise ConfigError(f"expected noise from 0.005 to 1, got {noise}; the curves are one unit apart")
    return int(length / noise) + 1


def _smeared(curves: list[Float[Array, "_ 2"]], noise: float, weights: Float[Array, " curves"] | None) -> CurveTarget:
    """Nodes of one curve share its weight.

    Raises:
        ConfigError: weights of another number, or not positive.
    """
    num_curves = len(curves)
    weights = jnp.ones(num_curves) if weights is None else weights
    if weights.shape != (num_curves,) or not bool(jnp.all(weights > 0)):
        raise ConfigError(f"expected {num_curves} positive weights, got {weights.tolist()}; give one for each curve")
    log_share = jax.nn.log_softmax(jnp.log(weights))
    log_weight = jnp.concatenate([jnp.full(len(curve), log_share[i] - jnp.log(len(curve))) for i, curve in enumerate(curves)])
    nodes = jnp.concatenate(curves)
    return CurveTarget(GaussianMixture(log_weight, nodes, jnp.full(nodes.shape, jnp.log(noise))))

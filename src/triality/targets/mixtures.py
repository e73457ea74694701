"""Mixtures of Gaussians with known modes: the targets on which generators are seen to drop them.

| target | modes | source |
|---|---|---|
| ``ring_of_eight`` | 8 on a circle of radius 1, sd 0.01 | VEEGAN (Srivastava et al. 2017), as in PacGAN's table |
| ``grid_of_25`` | {-4, -2, 0, 2, 4}^2, sd 0.05 | the same |
| ``eight_gaussians`` | 8 on a circle of radius 2 sqrt 2, variance 1/8 | flow contrastive estimation (Gao et al. 2020) |
| ``forty_gaussians`` | 40 uniform in [-40, 40]^2, sd softplus(1) | FAB (Midgley et al. 2023); our own draw of centers |
| ``two_modes`` | 2 at -separation/2 and +separation/2 on the first axis, sd 1 | covering against seeking |

All weights are equal unless others are given, ``tilted_weights`` for instance: a target that E and -E fit alike hides a sign.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian_mixture import GaussianMixture


class ModesTarget(AbstractSampler[Float[Array, " dim"]]):
    """A mixture whose components are its modes.

    Args:
        mixture: the law; density with respect to Lebesgue measure.

    Example:
        >>> import jax
        >>> target = ring_of_eight()
        >>> target.modes.shape, round(float(target.mode_scale), 4)
        ((8, 2), 0.01)
    """

    mixture: GaussianMixture

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return self.mixture.log_prob(x)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        return self.mixture.sample_and_log_prob(key)

    def energy(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """-log p(x), in nats."""
        return -self.log_prob(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``: 0, since the density is normalized."""
        return jnp.zeros(())

    @property
    def box(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """Lower and upper corner of a box that holds all but 1e-8 of the mass: the modes and six standard deviations around them."""
        margin = 6.0 * jnp.max(jnp.exp(self.mixture.log_scale), axis=0)
        return jnp.min(self.modes, axis=0) - margin, jnp.max(self.modes, axis=0) + margin

    @property
    def modes(self) -> Float[Array, "modes dim"]:
        """Centers."""
        return self.mixture.mean

    @property
    def mode_weights(self) -> Float[Array, " modes"]:
        """Probability of each mode."""
        return jax.nn.softmax(self.mixture.log_weight)

    @property
    def mode_scale(self) -> Float[Array, ""]:
        """Standard deviation of each mode, one for all."""
        return jnp.exp(self.mixture.log_scale[0, 0])


def ring_of_eight(weights: Float[Array, " 8"] | None = None) -> ModesTarget:
    """Radius 1, standard deviation 0.01."""
    return _equal_spread(_ring(8, 1.0), 0.01, weights)


def grid_of_25(weights: Float[Array, " 25"] | None = None) -> ModesTarget:
    """Centers {-4, -2, 0, 2, 4}^2, standard deviation 0.05."""
    axis = jnp.linspace(-4.0, 4.0, 5)
    return _equal_spread(jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), 0.05, weights)


def eight_gaussians(weights: Float[Array, " 8"] | None = None) -> ModesTarget:
    """Radius 2 sqrt 2, variance 1/8."""
    return _equal_spread(_ring(8, 8.0**0.5), 0.125**0.5, weights)


def forty_gaussians(weights: Float[Array, " 40"] | None = None) -> ModesTarget:
    """Centers uniform in [-40, 40]^2, standard deviation softplus(1) = 1.3133.

    FAB draws its centers by torch from seed 0; these are another draw of the same law (key 0, in float32 whatever the precision of the run,
    so that it is one target). Figures on the two are alike in difficulty, not digit by digit.
    """
    centers = jax.random.uniform(jax.random.key(0), (40, 2), jnp.float32, minval=-40.0, maxval=40.0).astype(float)
    return _equal_spread(centers, float(jax.nn.softplus(1.0)), weights)


def two_modes(separation: float = 8.0, dim: int = 1, weights: Float[Array, " 2"] | None = None) -> ModesTarget:
    """Two standard normals, ``separation`` apart on the first axis."""
    offset = jnp.zeros(dim).at[0].set(0.5 * separation)
    return _equal_spread(jnp.stack([-offset, offset]), 1.0, weights)


def tilted_weights(num_modes: int, log_range: float = 1.0) -> Float[Array, " modes"]:
    """Weights that fall from the first mode to the last, w_k ~ exp(-log_range k/(K-1)): an asymmetric version of any target here.

    Args:
        num_modes: K, at least 2.
        log_range: log of the first weight over the last.

    Example:
        >>> [round(float(w), 4) for w in tilted_weights(3, 2.0)]  # proportional to e^2, e, 1
        [0.6652, 0.2447, 0.09]
    """
    return jax.nn.softmax(jnp.linspace(0.0, -log_range, num_modes))


def _ring(num_modes: int, radius: float) -> Float[Array, "modes 2"]:
    angle = 2.0 * jnp.pi * jnp.arange(num_modes) / num_modes
    return radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def _equal_spread(centers: Float[Array, "modes dim"], scale: float, weights: Float[Array, " modes"] | None) -> ModesTarget:
    """One spread for all modes.

    Raises:
        ConfigError: weights of another number, or not positive.
    """
    num_modes = centers.shape[0]
    if weights is not None and (weights.shape != (num_modes,) or not bool(jnp.all(weights > 0))):
        raise ConfigError(f"expected {num_modes} positive weights, got {weights.tolist()}; give one for each mode")
    log_weight = jnp.zeros(num_modes) if weights is None else jnp.log(weights)
    return ModesTarget(GaussianMixture(log_weight, centers, jnp.full(centers.shape, jnp.log(scale))))

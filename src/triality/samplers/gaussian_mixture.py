"""Mixture of diagonal Gaussians, trainable.

    q(x) = sum_k w_k N(x; m_k, diag(s_k^2)),     w = softmax(log_weight)

A draw is not differentiable in the weights: the path gradient of a mixture is wrong, and refused nowhere, since nobody can see it. Learn it
by likelihood (of data, or of its own weighted draws), or by the score function.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import DataError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import LOG_TWO_PI


class GaussianMixture(AbstractSampler[Float[Array, " dim"]]):
    """K Gaussians; density with respect to Lebesgue measure. Draws carry no gradient.

    Args:
        log_weight: K log weights, normalized or not.
        mean: of each component.
        log_scale: of each component, each coordinate.

    Example:
        >>> q = GaussianMixture(jnp.zeros(2), jnp.array([[-1.0], [1.0]]), jnp.zeros((2, 1)))
        >>> float(q.log_prob(jnp.zeros(1)).__round__(4))
        -1.4189
    """

    log_weight: Float[Array, " components"]
    mean: Float[Array, "components dim"]
    log_scale: Float[Array, "components dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jax.nn.logsumexp(jax.nn.log_softmax(self.log_weight) + self.component_log_probs(x))

    def component_log_probs(self, x: Float[Array, " dim"]) -> Float[Array, " components"]:
        """log N_k(x) for every component."""
        z = (x - self.mean) * jnp.exp(-self.log_scale)
        return -jnp.sum(0.5 * z**2 + self.log_scale + 0.5 * LOG_TWO_PI, axis=-1)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        key_choice, key_noise = jax.random.split(key)
        index = jax.random.categorical(key_choice, self.log_weight)
        noise = jax.random.normal(key_noise, self.mean.shape[1:])
        x = jax.lax.stop_gradient(self.mean[index] + jnp.exp(self.log_scale[index]) * noise)
        return x, self.log_prob(x)


def gaussian_mixture(key: Key[Array, ""], x: Float[Array, "n dim"], num_components: int) -> GaussianMixture:
    """Where to begin: centers far apart in the data (k-means++, Arthur & Vassilvitskii 2007), one broad scale, equal weights.

    Raises:
        DataError: fewer samples than components.
    """
    n, dim = x.shape
    if n < num_components:
        raise DataError(f"expected at least {num_components} samples for as many components, got {n}; ask for fewer components")
    keys = jax.random.split(key, num_components)
    first = x[jax.random.randint(keys[0], (), 0, n)]

    def add(distance: Float[Array, " n"], key: Key[Array, ""]) -> tuple[Float[Array, " n"], Float[Array, " dim"]]:
        center = x[jax.random.categorical(key, jnp.log(distance))]
        return jnp.minimum(distance, jnp.sum((x - center) ** 2, axis=-1)), center

    _, rest = jax.lax.scan(add, jnp.sum((x - first) ** 2, axis=-1), keys[1:])
    spread = jnp.log(jnp.std(x, axis=0) + jnp.finfo(x.dtype).tiny) - jnp.log(num_components) / dim
    return GaussianMixture(jnp.zeros(num_components), jnp.concatenate([first[None], rest]), jnp.tile(spread, (num_components, 1)))

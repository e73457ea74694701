"""From features to the law of one value: any probabilities at all, or a mixture of logistics cut at the levels' edges.

    categorical:            log q(k) = log softmax(W h + b)_k
    discretized logistic:   q(k) = sum_m pi_m [ F((k + 1/2 - mu_m)/s_m) - F((k - 1/2 - mu_m)/s_m) ],    F(u) = 1/(1 + exp(-u))

The first and the last level take all that lies beyond them, so that the second sums to one as well. It knows that neighboring levels are
alike, which the first has to learn: for signals and gray values; the first for categories.

Reference: Salimans et al., PixelCNN++, arXiv:1701.05517, section 2.1.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError

LEAST_LOG_SCALE = -7.0
"""In levels: a component narrower than this is a point already."""
SMALL_WIDTH = 1e-7
"""Of a level, in scales: below it the first two terms of a series are exact to rounding (the next one is w^2/24)."""


@runtime_checkable
class Head(Protocol):
    """Maps features to log probabilities of the levels, up to a constant."""

    def __call__(self, h: Float[Array, " features"]) -> Float[Array, " levels"]: ...


class CategoricalHead(eqx.Module):
    """W h + b."""

    weight: Float[Array, "features levels"]
    bias: Float[Array, " levels"]

    def __call__(self, h: Float[Array, " features"]) -> Float[Array, " levels"]:
        return h @ self.weight + self.bias


class DiscretizedLogisticHead(eqx.Module):
    """A mixture of logistics, in units of levels.

    Args:
        weight: from features to (logit, mean, log scale) of every component.
        bias: of the same.
        num_levels: static.

    Example:
        >>> head = discretized_logistic_head(features=3, num_levels=4, num_components=1)
        >>> probabilities = jnp.exp(head(jnp.zeros(3)))
        >>> float(probabilities.sum().round(6)), bool(jnp.allclose(probabilities, probabilities[::-1]))
        (1.0, True)
    """

    weight: Float[Array, "features components 3"]
    bias: Float[Array, "components 3"]
    num_levels: int = eqx.field(static=True)

    def __call__(self, h: Float[Array, " features"]) -> Float[Array, " levels"]:
        logit, mean, log_scale = jnp.moveaxis(jnp.tensordot(h, self.weight, 1) + self.bias, -1, 0)
        masses = jax.vmap(lambda m, s: log_masses(m, s, self.num_levels))(mean, log_scale)
        return jax.nn.logsumexp(jax.nn.log_softmax(logit)[:, None] + masses, axis=0)


def log_masses(mean: Float[Array, ""], log_scale: Float[Array, ""], num_levels: int) -> Float[Array, " levels"]:
    """log of a logistic's mass in every level, the outermost ones open; finite as far as the tails' logarithms are.

    F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)): a product, in which nothing cancels.

    Example:
        >>> jnp.exp(log_masses(jnp.array(0.5), jnp.array(0.0), 2)).round(6).tolist()
        [0.5, 0.5]
    """
    log_width = -jnp.maximum(log_scale, LEAST_LOG_SCALE)
    width = jnp.exp(log_width)
    edges = (jnp.arange(1, num_levels) - 0.5 - mean) * width
    lowest, highest = jax.nn.log_sigmoid(edges[:1]), jax.nn.log_sigmoid(-edges[-1:])
    inner = jax.nn.log_sigmoid(edges[1:]) + jax.nn.log_sigmoid(-edges[:-1]) + _log_of_one_minus_exp(width, log_width)
    return jnp.concatenate([lowest, inner, highest])


def categorical_head(features: int, num_levels: int, marginals: Float[Array, " levels"] | None = None) -> CategoricalHead:
    """Whatever the features, uniform, or with ``marginals``: the probability of every level, above zero.

    Example:
        >>> head = categorical_head(3, 2, jnp.array([0.25, 0.75]))
        >>> jnp.exp(head(jnp.ones(3))).round(6).tolist()
        [0.25, 0.75]
    """
    bias = jnp.zeros(num_levels) if marginals is None else jnp.log(marginals)
    return CategoricalHead(jnp.zeros((features, num_levels)), bias)


def discretized_logistic_head(
    features: int, num_levels: int, num_components: int = 5, key: Key[Array, ""] | None = None
) -> DiscretizedLogisticHead:
    """Components spread over the levels, each a few of them wide; ``key`` shakes them apart."""
    mean = (jnp.arange(num_components) + 0.5) * num_levels / num_components - 0.5
    log_scale = jnp.full(num_components, jnp.log(num_levels / (2.0 * num_components)))
    bias = jnp.stack([jnp.zeros(num_components), mean, log_scale], axis=-1)
    shaken = bias if key is None else bias + 0.01 * jax.random.normal(key, bias.shape)
    return DiscretizedLogisticHead(jnp.zeros((features, num_components, 3)), shaken, num_levels)


def head_for(features: int, num_levels: int, head: Head | None) -> Head:
    """``head`` where it maps the features to every level, a categorical one where none is given.

    Raises:
        ConfigError: a head of other features, or of other levels: its density would miss some.
    """
    if head is None:
        return categorical_head(features, num_levels)
    remedy = f"make it with features = {features}, num_levels = {num_levels}"
    try:
        found = jax.eval_shape(head, jnp.zeros(features)).shape
    except TypeError as error:
        raise ConfigError(f"expected a head of {features} features, got one of other shapes ({error}); {remedy}") from error
    if found != (num_levels,):
        raise ConfigError(f"expected a head of {num_levels} levels, got one of shape {found}; {remedy}")
    return head


def _log_of_one_minus_exp(width: Float[Array, ""], log_width: Float[Array, ""]) -> Float[Array, ""]:
    """log(1 - exp(-w)) from w and log w: finite, with its gradient, where w is too small for a float (log w - w/2 + ...)."""
    small = width < SMALL_WIDTH
    return jnp.where(small, log_width - width / 2, jnp.log(-jnp.expm1(-jnp.where(small, 1.0, width))))

"""An energy with linear features fitted by maximum likelihood, log Z by importance samples: how far off -E(x) - log Z may be, at every x.

    r_j = -theta . f(y_j) - log q(y_j),   w = softmax(r)
    0 = mean_data f - sum_j w_j f(y_j),   log Z^ = log mean_j exp(r_j)

Both sides err. With fbar = sum w f, H = sum w (f - fbar)(f - fbar)', to first order (influence functions, ``partition.influence``):

    data i pulls   theta by -H^-1 (f_i - fbar) / n        and log Z by -fbar . (that)
    draw j pulls   theta by +H^-1 w_j (f_j - fbar)        and log Z by -fbar . (that) + w_j - 1/m

so the data's part is the sandwich H^-1 S H^-1 / n, and the draws' part does not shrink with more data. The limit that the interval is
about is the density of the class nearest to the data in KL; the data need not be in the class.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.errors import ConfigError, DataError
from triality.partition.influence import influence_variance, log_mean_influence


class LinearDensity(NamedTuple):
    """theta, log Z, and what every sample did to them.

    Fields:
        weights: theta; a feature with a large positive weight is unlikely.
        log_z: estimated, in nats.
        data_influence: of each data sample on (theta, log Z).
        drawn_influence: of each drawn sample.
        gap: largest entry of the equation that theta solves.
    """

    weights: Float[Array, " k"]
    log_z: Float[Array, ""]
    data_influence: Float[Array, "n k_plus_1"]
    drawn_influence: Float[Array, "m k_plus_1"]
    gap: Float[Array, ""]

    def log_prob(self, features: Float[Array, "places k"]) -> Float[Array, " places"]:
        """-theta . f - log Z, in nats."""
        return -features @ self.weights - self.log_z

    @eqx.filter_jit
    def stderr(self, features: Float[Array, "places k"]) -> Float[Array, " places"]:
        """One standard error of ``log_prob``, from the data and from the draws together."""
        rows = jnp.concatenate([features, jnp.ones((len(features), 1))], axis=1)

        def variance(row: Float[Array, " k_plus_1"]) -> Float[Array, ""]:
            sides = (self.data_influence @ row, self.drawn_influence @ row)
            return sum((influence_variance(pull, jnp.zeros_like(pull)) for pull in sides), jnp.zeros(()))

        return jnp.sqrt(jax.vmap(variance)(rows))

    def interval(self, features: Float[Array, "places k"], level: float = 0.95) -> tuple[Float[Array, " places"], Float[Array, " places"]]:
        """Both ends of the interval of ``log_prob``, of the normal law.

        Raises:
            ConfigError: a level outside (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise ConfigError(f"expected a level strictly between 0 and 1, got {level}; 0.95 is usual")
        reach = NormalDist().inv_cdf(0.5 + 0.5 * level) * self.stderr(features)
        return self.log_prob(features) - reach, self.log_prob(features) + reach


def fit_linear_density(
    data: Float[Array, "n k"], drawn: Float[Array, "m k"], log_q: Float[Array, " m"], num_steps: int = 50, tolerance: float = 1e-9
) -> LinearDensity:
    """Newton's method on the convex loss mean_data theta . f + log Z^(theta), halving steps that do not lower it.

    Args:
        data: f of the data.
        drawn: f of samples from q.
        log_q: their log density under q, in nats.
        num_steps: most steps.
        tolerance: on ``gap``.

    Raises:
        DataError: no solution was reached, as where the data's mean is no mean of drawn features, or features are linearly dependent.

    Example:
        >>> coin = jnp.array([[0.0], [1.0]])  # data: 1 three times of four; q fair: E(1) - E(0) = -log 3, Z = 1 + 3
        >>> fit = fit_linear_density(jnp.array([[0.0], [1.0], [1.0], [1.0]]), coin, jnp.log(jnp.full(2, 0.5)))
        >>> fit.weights.round(4).tolist(), fit.log_z.round(4).item()
        ([-1.0986], 1.3863)
    """
    found = linear_density(data, drawn, log_q, num_steps)
    if not bool(found.gap <= tolerance):
        raise DataError(
            f"expected features whose mean over the data some weighting of the draws has, got a gap of {float(found.gap):.3g}; "
            "draw more, or more broadly, or drop features that depend on others"
        )
    return found


@eqx.filter_jit
def linear_density(data: Float[Array, "n k"], drawn: Float[Array, "m k"], log_q: Float[Array, " m"], num_steps: int = 50) -> LinearDensity:
    """``fit_linear_density`` without the refusal, for ``jit`` and ``vmap``: look at ``gap``."""
    mean = jnp.mean(data, axis=0)

    def loss(theta: Float[Array, " k"]) -> Float[Array, ""]:
        return mean @ theta + jax.nn.logsumexp(-drawn @ theta - log_q)

    def step(theta: Float[Array, " k"], _: None):
        center, spread = _moments(drawn, log_q, theta)[:2]
        move = jnp.linalg.solve(spread, center - mean)
        sizes = 0.5 ** jnp.arange(12.0)
        losses = jax.vmap(lambda size: loss(theta + size * move))(sizes)
        return theta + jnp.where(jnp.min(losses) < loss(theta), sizes[jnp.argmin(losses)], 1.0) * move, None

    theta = jax.lax.scan(step, jnp.zeros(data.shape[1]), None, length=num_steps)[0]
    center, spread, share = _moments(drawn, log_q, theta)
    pull_data = -jnp.linalg.solve(spread, (data - center).T).T / len(data)
    pull_drawn = jnp.linalg.solve(spread, (share[:, None] * (drawn - center)).T).T
    log_ratio = -drawn @ theta - log_q
    own = log_mean_influence(log_ratio, jnp.zeros_like(log_ratio))
    return LinearDensity(
        weights=theta,
        log_z=jax.nn.logsumexp(log_ratio) - np.log(len(drawn)),
        data_influence=jnp.column_stack([pull_data, -pull_data @ center]),
        drawn_influence=jnp.column_stack([pull_drawn, own - pull_drawn @ center]),
        gap=jnp.max(jnp.abs(center - mean)),
    )


def _moments(drawn: Float[Array, "m k"], log_q: Float[Array, " m"], theta: Float[Array, " k"]) -> tuple[Array, Array, Array]:
    """Mean and covariance of the features under the model, by self-normalized weights, and these."""
    share = jax.nn.softmax(-drawn @ theta - log_q)
    center = share @ drawn
    return center, (share[:, None] * (drawn - center)).T @ (drawn - center), share

"""Precision and recall, density and coverage: is what is drawn like the data, and is all of the data there? By balls to the k-th neighbor.

    B_k(x_i) = ball around x_i out to its k-th nearest neighbor among its own side
    precision: share of draws inside some ball of the data            recall: share of data inside some ball of the draws
    density: balls of the data that hold a draw, over k, averaged     coverage: share of the data's balls that hold a draw

Equal laws have density 1 and coverage about 1 - 2^-k at equal sample sizes; precision and recall come near 1 but not to it. An outlier in
the data has a large ball and lifts precision, not density.

References: Kynkaanniemi et al., Improved precision and recall metric, arXiv:1904.06991; Naeem et al., Reliable fidelity and diversity
metrics, arXiv:2002.09797 (k = 5 there; equation 6).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError


class Coverage(NamedTuple):
    """Quality and completeness of draws.

    Fields:
        precision: quality, 0 to 1.
        recall: completeness, 0 to 1.
        density: quality, 0 up; 1 for equal laws, above it where draws crowd into the dense parts.
        coverage: completeness, 0 to 1; ``expected_coverage`` for equal laws.
    """

    precision: Float[Array, ""]
    recall: Float[Array, ""]
    density: Float[Array, ""]
    coverage: Float[Array, ""]


def coverage(data: Float[Array, "n dim"], drawn: Float[Array, "m dim"], num_neighbors: int = 5) -> Coverage:
    """All four at once; memory grows as n m. Distances are Euclidean: put columns on one scale first.

    Args:
        data: the reference.
        drawn: of the generator.
        num_neighbors: k, a point itself not counted; static.

    Raises:
        ConfigError: no more samples than neighbors on either side.

    Example:
        >>> data, drawn = jnp.array([[0.0], [1.0], [2.0], [9.0]]), jnp.array([[0.5], [0.6]])
        >>> [float(value) for value in coverage(data, drawn, 1)]  # balls of the data: radius 1, 1, 1, 7; of the draws: 0.1
        [1.0, 0.0, 2.0, 0.5]
    """
    if not 1 <= num_neighbors < min(data.shape[0], drawn.shape[0]):
        raise ConfigError(
            f"expected 1 to {min(data.shape[0], drawn.shape[0]) - 1} neighbors for {data.shape[0]} and {drawn.shape[0]} samples, "
            f"got {num_neighbors}; ask for fewer, or draw more"
        )
    data_radius, drawn_radius = _radius(data, num_neighbors), _radius(drawn, num_neighbors)
    squared = _squared_distances(data, drawn)
    in_data = squared <= data_radius[:, None]
    return Coverage(
        precision=jnp.mean(jnp.any(in_data, axis=0).astype(float)),
        recall=jnp.mean(jnp.any(squared <= drawn_radius[None, :], axis=1).astype(float)),
        density=jnp.mean(jnp.sum(in_data, axis=0).astype(float)) / num_neighbors,
        coverage=jnp.mean(jnp.any(in_data, axis=1).astype(float)),
    )


def expected_coverage(num_data: int, num_drawn: int, num_neighbors: int = 5) -> float:
    """Mean coverage of equal laws: 1 - prod_{j=0}^{k-1} (n - 1 - j)/(n + m - 1 - j): k nearest of all are then all of the data.

    Example:
        >>> round(expected_coverage(10_000, 10_000, 5), 4)  # 1 - 2^-5 for many samples
        0.9688
    """
    missed = 1.0
    for j in range(num_neighbors):
        missed *= (num_data - 1 - j) / (num_data + num_drawn - 1 - j)
    return 1.0 - missed


def _radius(points: Float[Array, "n dim"], num_neighbors: int) -> Float[Array, " n"]:
    """Squared distance to the k-th nearest other point: the smallest of all is the point itself."""

    def one(point: Float[Array, " dim"]) -> Float[Array, ""]:
        nearest, _ = jax.lax.top_k(-jnp.sum((points - point) ** 2, axis=-1), num_neighbors + 1)
        return -nearest[-1]

    return jax.lax.map(one, points)


def _squared_distances(x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    return jax.lax.map(lambda point: jnp.sum((y - point) ** 2, axis=-1), x)

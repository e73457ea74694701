"""log Z without sampling: enumeration of a finite space, quadrature on a grid. The oracles that every estimator is tested against.

log Z = logsumexp_i(-E(x_i) + log m_i),   m_i = the base measure (1 on a finite space, the volume of a cell on a grid)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError


def enumeration(neg_energies: Float[Array, " n"], log_base_measure: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """log Z = log sum_i m_i exp(-E(x_i)), in nats, exact up to rounding.

    Example:
        >>> import jax.numpy as jnp
        >>> float(enumeration(jnp.log(jnp.array([1.0, 2.0]))).__round__(4))
        1.0986
    """
    return jax.nn.logsumexp(neg_energies if log_base_measure is None else neg_energies + log_base_measure)


class Grid(NamedTuple):
    """Nodes of a quadrature rule in one dimension or more; integrals are sums of f(points) exp(log_volume).

    Fields:
        points: the nodes, last dimension fastest.
        log_volume: log weight of each node, in log units of length to the power d.
    """

    points: Float[Array, "n d"]
    log_volume: Float[Array, " n"]


def binary_vectors(dim: int) -> Int[Array, "n dim"]:
    """All 2^dim vectors of zeros and ones, in counting order.

    Raises:
        ConfigError: more than 24 coordinates.

    Example:
        >>> binary_vectors(2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if not 1 <= dim <= 24:
        raise ConfigError(f"expected 1 to 24 coordinates to enumerate, got {dim}; estimate log Z instead")
    return (jnp.arange(2**dim)[:, None] >> jnp.arange(dim - 1, -1, -1)) & 1


def quadrature(energy: Callable[[Float[Array, " d"]], Float[Array, ""]], grid: Grid) -> Float[Array, ""]:
    """log Z = log integral of exp(-E(x)) dx over the grid's box, in nats. Differentiable in what ``energy`` closes over.

    Example:
        >>> grid = gauss_legendre([-9.0], [9.0], 64)
        >>> float(quadrature(lambda x: 0.5 * (x**2).sum(), grid).__round__(4))  # log sqrt(2 pi)
        0.9189
    """
    return enumeration(-jax.vmap(energy)(grid.points), grid.log_volume)


def gauss_legendre(low: Sequence[float], high: Sequence[float], num_points: int) -> Grid:
    """Gauss-Legendre rule on a box, ``num_points`` nodes a dimension: the choice for smooth energies on a bounded space.

    Raises:
        ConfigError: the box is empty, or there is no node.
    """
    _check(low, high, num_points, at_least=1)
    nodes, weights = np.polynomial.legendre.leggauss(num_points)
    axes = [(0.5 * (b - a) * nodes + 0.5 * (a + b), 0.5 * (b - a) * weights) for a, b in zip(low, high, strict=True)]
    return _product(axes)


def trapezoid(low: Sequence[float], high: Sequence[float], num_points: int) -> Grid:
    """Trapezoid rule on a box, ends included: equally spaced nodes, and exponentially accurate where exp(-E) vanishes at the ends.

    Raises:
        ConfigError: the box is empty, or has fewer than two nodes a dimension.

    Example:
        >>> import jax.numpy as jnp
        >>> jnp.exp(trapezoid([0.0], [2.0], 3).log_volume).round(6).tolist()
        [0.5, 1.0, 0.5]
    """
    _check(low, high, num_points, at_least=2)
    axes = []
    for a, b in zip(low, high, strict=True):
        weights = np.full(num_points, (b - a) / (num_points - 1))
        weights[[0, -1]] *= 0.5
        axes.append((np.linspace(a, b, num_points), weights))
    return _product(axes)


def _product(axes: list[tuple[np.ndarray, np.ndarray]]) -> Grid:
    """Tensor product of one-dimensional rules."""
    mesh = np.meshgrid(*(nodes for nodes, _ in axes), indexing="ij")
    log_weights = np.meshgrid(*(np.log(weights) for _, weights in axes), indexing="ij")
    points = np.stack([nodes.ravel() for nodes in mesh], axis=-1)
    return Grid(jnp.asarray(points), jnp.asarray(sum(values.ravel() for values in log_weights)))


def _check(low: Sequence[float], high: Sequence[float], num_points: int, at_least: int) -> None:
    if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=False)):
        raise ConfigError(f"expected a box with low < high in every dimension, got low={list(low)}, high={list(high)}; widen it")
    if num_points < at_least:
        raise ConfigError(f"expected at least {at_least} nodes a dimension, got {num_points}; ask for more")

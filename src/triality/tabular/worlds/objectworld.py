"""Objectworld (Levine, Popovic and Koltun 2011): a grid of colored objects and a cost that is not linear in the features."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.tabular.mdp import TabularMDP
from triality.tabular.worlds.gridworld import FIVE_MOVES, gridworld


class Objectworld(NamedTuple):
    """A world with features and a true cost.

    Fields:
        mdp: the dynamics: four moves and staying, 30 % random.
        distance: Euclidean distance from each cell to the nearest object of each outer, then of each inner color, in cells.
        cost: true c(x): -1 within 3 cells of outer color 0 and 2 of outer color 1, +1 within 3 of outer color 0 alone, else 0.
        objects: row, column, outer color, inner color of each object.
    """

    mdp: TabularMDP
    distance: Float[Array, "states colors_twice"]
    cost: Float[Array, " states"]
    objects: Int[Array, "objects 4"]


def objectworld(
    key: Key[Array, ""],
    size: int = 16,
    num_objects: int = 15,
    num_colors: int = 2,
    *,
    slip: float = 0.3,
    horizon: int | None = None,
    discount: float = 1.0,
) -> Objectworld:
    """Objects on distinct random cells with random outer and inner colors; inner colors are distractors. The start is uniform.

    Raises:
        ConfigError: fewer than two colors, or more objects than cells.

    Example:
        >>> import jax
        >>> world = objectworld(jax.random.key(0), size=5, num_objects=4, discount=0.9)
        >>> world.distance.shape, sorted(set(world.cost.tolist())) <= [-1.0, 0.0, 1.0]
        ((25, 4), True)
    """
    if num_colors < 2 or not 1 <= num_objects <= size * size:
        raise ConfigError(f"expected at least 2 colors and 1 .. {size * size} objects, got {num_colors} and {num_objects}; correct them")
    key_cells, key_colors = jax.random.split(key)
    cells = jax.random.permutation(key_cells, size * size)[:num_objects]
    colors = jax.random.randint(key_colors, (num_objects, 2), 0, num_colors)
    objects = jnp.column_stack([cells // size, cells % size, colors])
    distance = _distances(objects, size, num_colors)
    near = distance[:, 0] <= 3.0
    cost = jnp.where(near & (distance[:, 1] <= 2.0), -1.0, jnp.where(near, 1.0, 0.0))
    uniform = np.full(size * size, 1.0 / (size * size))
    mdp = gridworld(size, size, start=uniform, moves=FIVE_MOVES, slip=slip, horizon=horizon, discount=discount)
    return Objectworld(mdp, distance, cost, objects)


def threshold_features(distance: Float[Array, "states colors_twice"], size: int) -> Float[Array, "states features"]:
    """The paper's discrete features: one indicator for every color and every d = 1 .. size of "distance < d"."""
    below = distance[:, :, None] < jnp.arange(1, size + 1)
    return below.reshape(distance.shape[0], -1).astype(distance.dtype)


def _distances(objects: Int[Array, "objects 4"], size: int, num_colors: int) -> Float[Array, "states colors_twice"]:
    cells = jnp.arange(size * size)
    position = jnp.column_stack([cells // size, cells % size])
    away = jnp.linalg.norm((position[:, None] - objects[None, :, :2]).astype(float), axis=-1)
    # A color that no object has is as far as nothing on the grid can be.
    farthest = jnp.sqrt(2.0) * size
    columns = [jnp.min(jnp.where(objects[:, which] == color, away, farthest), axis=1) for which in (2, 3) for color in range(num_colors)]
    return jnp.stack(columns, axis=-1)

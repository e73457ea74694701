"""Gridworlds: cells of a rectangle, moves that may slip, walls at the rim. State = row * width + column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from triality.errors import ConfigError
from triality.tabular.mdp import TabularMDP

Move = tuple[int, int]

EAST: Move = (0, 1)
SOUTH: Move = (1, 0)
WEST: Move = (0, -1)
NORTH: Move = (-1, 0)
STAY: Move = (0, 0)
FOUR_MOVES: tuple[Move, ...] = (EAST, SOUTH, WEST, NORTH)
FIVE_MOVES: tuple[Move, ...] = (*FOUR_MOVES, STAY)


def gridworld(
    height: int,
    width: int,
    *,
    start: int | ArrayLike = 0,
    moves: Sequence[Move] = FOUR_MOVES,
    slip: float = 0.0,
    absorbing: Sequence[int] = (),
    horizon: int | None = None,
    discount: float = 1.0,
) -> TabularMDP:
    """A grid. A move off it leaves one where one is; an absorbing cell is never left.

    Args:
        height: rows.
        width: columns.
        start: a cell's index, or a law over the cells.
        moves: (row, column) step of each action.
        slip: probability that the move is replaced by one drawn uniformly from ``moves``, the intended one among them.
        absorbing: indices of cells that are never left.
        horizon: T, or ``None`` with a discount.
        discount: gamma.

    Raises:
        ConfigError: sizes, slip or absorbing cells are out of range.
        DataError: the start is.

    Example:
        >>> gridworld(2, 3, horizon=4).successors[0, :, 0].tolist()  # east, south, west, north of the upper left corner
        [1, 3, 0, 0]
    """
    if height < 1 or width < 1 or not 0.0 <= slip <= 1.0 or len(moves) < 1:
        raise ConfigError(
            f"expected height, width >= 1, a move and 0 <= slip <= 1, got {height} x {width}, {len(moves)} moves, slip {slip}; correct it"
        )
    cells = np.arange(height * width)
    if any(not 0 <= cell < len(cells) for cell in absorbing):
        raise ConfigError(f"expected absorbing cells in 0 .. {len(cells) - 1}, got {list(absorbing)}; a cell is row * width + column")
    steps = np.asarray(moves)
    row = np.clip(cells[:, None] // width + steps[:, 0], 0, height - 1)
    column = np.clip(cells[:, None] % width + steps[:, 1], 0, width - 1)
    reached = row * width + column
    reached[list(absorbing)] = np.asarray(absorbing, dtype=int)[:, None]
    if slip == 0.0:
        return TabularMDP.from_sparse(reached[:, :, None], np.ones((len(cells), len(moves), 1)), start, horizon=horizon, discount=discount)
    # Branch k of every action is where move k leads; the intended one has the remaining probability on top.
    successors = np.broadcast_to(reached[:, None, :], (len(cells), len(moves), len(moves)))
    probabilities = np.broadcast_to(slip / len(moves) + (1.0 - slip) * np.eye(len(moves)), successors.shape)
    return TabularMDP.from_sparse(successors, probabilities, start, horizon=horizon, discount=discount)


def icy_gridworld(
    size: int, slip: float = 0.2, *, start: int | ArrayLike = 0, horizon: int | None = None, discount: float = 1.0
) -> TabularMDP:
    """A square grid with four moves that slip: the smallest world where causal and non-causal MaxEnt part.

    Example:
        >>> import jax.numpy as jnp
        >>> jnp.exp(icy_gridworld(3, horizon=5).log_probabilities[4, 0]).round(2).tolist()
        [0.85, 0.05, 0.05, 0.05]
    """
    return gridworld(size, size, start=start, slip=slip, horizon=horizon, discount=discount)

"""Checkerboard: uniform on the dark squares of a board. Its density has jumps, which no smooth generator has.

    p(x) = w_j / side^2 on dark square j, 0 elsewhere

Between the squares log p = -inf and the energy is +inf: a generator that spills over an edge has an infinite reverse KL.

Reference: the picture of Grathwohl et al., FFJORD, arXiv:1810.01367: a board of 4 x 4 squares of side 2 on [-4, 4]^2.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler


class Checkerboard(AbstractSampler[Float[Array, " 2"]]):
    """Uniform on each of J squares; density with respect to Lebesgue measure of the plane.

    Args:
        corners: lower left corner of each dark square. A square is closed below and open above.
        side: of every square.
        log_weight: of each square.

    Example:
        >>> board = checkerboard()
        >>> round(float(board.log_prob(jnp.array([-3.0, -3.0]))), 4), float(board.log_prob(jnp.array([-3.0, -1.0])))  # -log 32
        (-3.4657, -inf)
    """

    corners: Float[Array, "squares 2"]
    side: Float[Array, ""]
    log_weight: Float[Array, " squares"]

    def log_prob(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        """log weight - 2 log side on a dark square, -inf elsewhere."""
        inside = jnp.all((x >= self.corners) & (x < self.corners + self.side), axis=-1)
        return jax.nn.logsumexp(jnp.where(inside, jax.nn.log_softmax(self.log_weight), -jnp.inf)) - 2.0 * jnp.log(self.side)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " 2"], Float[Array, ""]]:
        key_square, key_place = jax.random.split(key)
        square = jax.random.categorical(key_square, self.log_weight)
        corner = self.corners[square]
        # Rounding can carry corner + side * u up to the open edge: it is pulled back to the last number below.
        x = jnp.minimum(corner + self.side * jax.random.uniform(key_place, (2,)), jnp.nextafter(corner + self.side, corner))
        return x, jax.nn.log_softmax(self.log_weight)[square] - 2.0 * jnp.log(self.side)

    def energy(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        """-log p(x), in nats: +inf on the light squares."""
        return -self.log_prob(x)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``: 0."""
        return jnp.zeros(())

    @property
    def box(self) -> tuple[Float[Array, " 2"], Float[Array, " 2"]]:
        """The board, and a quarter of a square around it."""
        margin = 0.25 * self.side
        return jnp.min(self.corners, axis=0) - margin, jnp.max(self.corners, axis=0) + self.side + margin


def checkerboard(num_squares: int = 4, weights: Float[Array, " squares"] | None = None) -> Checkerboard:
    """``num_squares`` by as many squares on [-4, 4]^2, the lower left one dark; ``weights`` of the dark ones, column by column.

    Raises:
        ConfigError: no square; weights of another number, or not positive.
    """
    if num_squares < 1:
        raise ConfigError(f"expected at least one square a side, got {num_squares}; ask for 4")
    side = 8.0 / num_squares
    indices = np.stack(np.meshgrid(np.arange(num_squares), np.arange(num_squares), indexing="ij"), axis=-1).reshape(-1, 2)
    dark = indices[indices.sum(axis=1) % 2 == 0]
    weights = jnp.ones(len(dark)) if weights is None else weights
    if weights.shape != (len(dark),) or not bool(jnp.all(weights > 0)):
        raise ConfigError(f"expected {len(dark)} positive weights, got {weights.tolist()}; give one for each dark square")
    return Checkerboard(jnp.asarray(-4.0 + side * dark), jnp.asarray(side), jnp.log(weights))

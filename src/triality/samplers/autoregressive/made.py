"""MADE: all conditionals of a vector of small integers from one masked perceptron (Germain, Gregor, Murray, Larochelle 2015).

    log q(x) = sum_i log softmax(o_i(x_1 .. x_{i-1}))[x_i]

Output i sees inputs 1 .. i-1 and nothing else. A density is one pass, and a draw costs no more than one.
Reference: arXiv:1502.03509.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.masked_levels import MaskedLevels, masked_levels


class Made(AbstractSampler[Int[Array, " dim"]]):
    """Coordinates in their natural order; density with respect to counting measure. Draws carry no gradient.

    Args:
        conditionals: of every coordinate given those before it.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.partition.exact import binary_vectors
        >>> q = made(jax.random.key(0), 3)
        >>> float(jax.nn.logsumexp(jax.vmap(q.log_prob)(binary_vectors(3))).__round__(9)) + 0.0
        0.0
    """

    conditionals: MaskedLevels

    def log_prob(self, x: Int[Array, " dim"]) -> Float[Array, ""]:
        """Sum of the conditionals; -inf where a value is outside 0 .. num_levels - 1."""
        return self.conditionals.log_prob(x, self._ranks)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, " dim"], Float[Array, ""]]:
        """Coordinate by coordinate, each hidden unit computed once."""
        return self.conditionals.draw(key, jnp.arange(self.conditionals.net.dim))

    def logits(self, x: Int[Array, " dim"]) -> Float[Array, "dim levels"]:
        """Unnormalized log probabilities of every coordinate given those before it."""
        return self.conditionals.logits(x, self._ranks)

    @property
    def _ranks(self) -> np.ndarray:
        return np.arange(1, self.conditionals.net.dim + 1)


def made(
    key: Key[Array, ""],
    dim: int,
    hidden: Sequence[int] = (128,),
    num_levels: int = 2,
    marginals: Float[Array, "dim levels"] | None = None,
) -> Made:
    """A MADE that begins at independent coordinates: with the given ``marginals``, or uniform.

    Raises:
        ConfigError: no coordinate, fewer than two levels, or no hidden layer.
    """
    return Made(masked_levels(key, dim, hidden, num_levels, num_levels - 1, marginals))

"""Spectral normalization: every weight matrix divided by its largest singular value, so that no layer stretches (Miyato et al. 2018).

    W -> bound * W / sigma(W),     sigma(W) = u^T W v by power iteration from a fixed start, u and v frozen

The Lipschitz constant of a perceptron with 1-Lipschitz activations is then at most bound^depth. A wrapper of an energy, or of the cost of
a step, not a penalty: what it wraps keeps its own parameters, and the normalized ones are made at each call. It restricts the class, so it
leaves an optimum alone that is no steeper than that, and moves any other; a cost's slope is counted in units of its scaled observation.
Reference: arXiv:1802.05957.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class SpectrallyNormalized(eqx.Module):
    """An energy or a cost whose matrices have ``bound`` as largest singular value; kernels are read as (out, in x height x width).

    Args:
        energy: what is normalized: a function of one point, or of an observation and an action.
        bound: the largest singular value that is left. Never trained.
        num_iterations: of the power method, from the same start at each call: no state is kept, so it works in any transformation.

    Example:
        >>> from triality.energies.mlp import MLPEnergy
        >>> energy = SpectrallyNormalized(MLPEnergy(jax.random.key(0), 2, (16,)))
        >>> slope = jax.grad(energy)(jnp.array([0.3, -0.2]))
        >>> bool(jnp.linalg.norm(slope) <= 1.0)
        True

    As the cost that an algorithm learns: ``make_cost=lambda *made_from: SpectrallyNormalized(mlp_cost(*made_from), bound=3.0)``.
    """

    energy: Callable[..., Float[Array, ""]]
    bound: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    num_iterations: int = eqx.field(default=12, static=True)

    def __call__(self, *x: Any) -> Float[Array, ""]:
        """Of a point ``x``, or of whatever the wrapped function takes."""
        return normalized(self.energy, jax.lax.stop_gradient(self.bound), self.num_iterations)(*x)


def normalized(tree: Any, bound: Float[Array, ""], num_iterations: int) -> Any:
    """The tree with every matrix and every kernel divided by its norm over ``bound``; vectors, and biases of shape (n, 1, 1), stay."""

    def each(leaf: Any) -> Any:
        is_weight = eqx.is_inexact_array(leaf) and (leaf.ndim == 2 or sum(size > 1 for size in leaf.shape) >= 2)
        if not is_weight:
            return leaf
        return bound * leaf / largest_singular_value(leaf.reshape(leaf.shape[0], -1), num_iterations)

    return jax.tree.map(each, tree)


def largest_singular_value(matrix: Float[Array, "rows columns"], num_iterations: int = 12) -> Float[Array, ""]:
    """sigma = u^T W v after ``num_iterations`` of power iteration; never above the true value, its derivative is u v^T.

    Example:
        >>> float(largest_singular_value(jnp.diag(jnp.array([3.0, 1.0]))).__round__(6))
        3.0
    """
    fixed = jax.lax.stop_gradient(matrix)
    start = jnp.cos(jnp.arange(matrix.shape[1], dtype=matrix.dtype))  # nowhere zero, equal to no singular vector one would build

    def sharpen(_: Int[Array, ""], v: Float[Array, " columns"]) -> Float[Array, " columns"]:
        v = fixed.T @ (fixed @ v)
        return v / (jnp.linalg.norm(v) + jnp.finfo(v.dtype).tiny)

    v = jax.lax.fori_loop(0, num_iterations, sharpen, start / jnp.linalg.norm(start))
    u = fixed @ v
    u = u / (jnp.linalg.norm(u) + jnp.finfo(u.dtype).tiny)
    return u @ (matrix @ v)

"""Loops over coordinates, with the batch as the last axis: the layout in which a processor runs small matrices fast.

A sampler draws one sample, and ``vmap`` makes it a batch on the *first* axis. Where a draw is a long chain of small products, the layout
decides: (10 x 70) (70 x batch) runs several times as fast as (batch x 70) (70 x 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree


def batch_last(function: Callable[[Any, Array], tuple[Array, Array]]) -> Callable[[Any, Array], tuple[Array, Array]]:
    """The same function of one sample, whose ``vmap`` over x alone is one call with the batch as the last axis of x.

    Derivatives, and a ``vmap`` over the parameters, take the function as it is.

    Args:
        function: of parameters and x of shape (dim,) or (dim, batch); returns y of x's shape and one number a sample.

    Example:
        >>> import jax.numpy as jnp
        >>> shapes = []
        >>> def total(scale, x):
        ...     shapes.append(x.shape)
        ...     return scale * x, scale * jnp.sum(x, axis=0)
        >>> y, sums = jax.vmap(lambda x: batch_last(total)(2.0, x))(jnp.ones((5, 3)))
        >>> y.shape, sums.tolist(), shapes[-1]
        ((5, 3), [6.0, 6.0, 6.0, 6.0, 6.0], (3, 5))
    """

    def called(parameters: PyTree, x: Float[Array, " dim"]) -> tuple[Array, Array]:
        arrays, rest = eqx.partition(parameters, eqx.is_array)

        def plain(arrays: PyTree, x: Array) -> tuple[Array, Array]:
            return function(eqx.combine(arrays, rest), x)

        whole = jax.custom_batching.custom_vmap(plain)

        @whole.def_vmap
        def rule(axis_size: int, is_batched: Any, arrays: PyTree, x: Array):
            del axis_size
            alone = is_batched[1] and not any(jax.tree.leaves(is_batched[0]))
            if alone and x.ndim == 2:
                y, value = plain(arrays, x.T)
                return (y.T, value), (True, True)
            axes = jax.tree.map(lambda batched: 0 if batched else None, is_batched)
            return jax.vmap(plain, in_axes=tuple(axes))(arrays, x), (True, True)

        outer = jax.custom_jvp(whole)
        outer.defjvp(lambda primals, tangents: jax.jvp(plain, primals, tangents))
        return outer(arrays, x)

    return called

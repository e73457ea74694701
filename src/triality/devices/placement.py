"""What is split along the mesh, and what every device holds whole.

| what | where |
|---|---|
| batches while they are worked on: roll-outs, draws, minibatches, the samples of an objective | ``spread``: the axis of samples is split |
| what is needed next: parameters, optimizers, data, what is remembered of past roll-outs | ``whole``: on every device |

Both are wishes about a program that is being compiled: of the same numbers, they say who computes them. Where no mesh is in force (see
``sharded``), on one device, or where the seeds are what is split, they do nothing. To ``spread`` what is whole costs nothing; to make whole
what is spread is a gather. An axis that the devices do not divide is padded by the compiler, and the padding never counts.
"""

from __future__ import annotations

from typing import TypeVar

import equinox as eqx
import jax
from jax.sharding import AxisType, PartitionSpec
from jaxtyping import PyTree

from triality.reduction import DATA

Tree = TypeVar("Tree", bound=PyTree)


def spread(tree: Tree, axis: int = 0) -> Tree:
    """The same, each array split over the devices along ``axis``, which counts samples.

    Example:
        >>> import jax.numpy as jnp
        >>> spread(jnp.arange(3)).tolist()  # no mesh is in force
        [0, 1, 2]
    """
    return _constrained(tree, PartitionSpec(*[None] * axis, DATA))


def whole(tree: Tree) -> Tree:
    """The same, every array on every device.

    Example:
        >>> import jax.numpy as jnp
        >>> whole(jnp.arange(3)).tolist()
        [0, 1, 2]
    """
    return _constrained(tree, PartitionSpec())


def _constrained(tree: Tree, spec: PartitionSpec) -> Tree:
    mesh = jax.sharding.get_abstract_mesh()
    if dict(zip(mesh.axis_names, mesh.axis_types, strict=True)).get(DATA) != AxisType.Auto:
        return tree
    return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, spec) if eqx.is_array(leaf) else leaf, tree)

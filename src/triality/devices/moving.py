"""Arrays from this process to a mesh of devices and back: of one process or of several, which all call the same in the same order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

Tree = TypeVar("Tree", bound=PyTree)


def to_mesh(tree: Tree, mesh: Mesh, spec: PartitionSpec) -> Tree:
    """Every array of ``tree``, which each process has whole and alike, on the devices of ``mesh``, split as ``spec`` says.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.devices.mesh import data_mesh
        >>> dict(to_mesh(jnp.arange(2), data_mesh(1), PartitionSpec()).sharding.mesh.shape)
        {'data': 1}
    """
    sharding = NamedSharding(mesh, spec)
    return jax.tree.map(lambda leaf: _moved(leaf, sharding) if eqx.is_array(leaf) else leaf, tree)


def to_here(tree: Tree, mesh: Mesh) -> Tree:
    """Every array of ``tree`` whole on the first device of this process; what is split over devices is gathered first.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.devices.mesh import data_mesh
        >>> to_here({"x": jnp.arange(2), "name": "two"}, data_mesh(1))["x"].tolist()
        [0, 1]
    """
    leaves, structure = jax.tree.flatten(tree)
    # Nothing is called where nothing is split: of several processes that would be all of them or none, too.
    split = [index for index, leaf in enumerate(leaves) if isinstance(leaf, jax.Array) and not leaf.is_fully_replicated]
    if split:
        whole = _everywhere(NamedSharding(mesh, PartitionSpec()))([leaves[index] for index in split])
        for index, leaf in zip(split, whole, strict=True):
            leaves[index] = leaf
    first = [leaf.addressable_data(0) if isinstance(leaf, jax.Array) and len(leaf.sharding.device_set) > 1 else leaf for leaf in leaves]
    return jax.tree.unflatten(structure, first)


def _moved(leaf: Any, sharding: NamedSharding) -> Any:
    if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_moved(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    known = np.asarray(leaf)
    return jax.make_array_from_callback(known.shape, sharding, lambda index: known[index])


@functools.cache
def _everywhere(sharding: NamedSharding) -> Callable[[list[jax.Array]], list[jax.Array]]:
    return jax.jit(lambda leaves: leaves, out_shardings=sharding)

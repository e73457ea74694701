"""Arrays from this process to a mesh of devices and back: of one process or of several, which all call the same in the same order."""

from __future__ import annotations

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
        >>> to_mesh(jnp.arange(2), data_mesh(1), PartitionSpec()).sharding.spec
        PartitionSpec()
    """
    sharding = NamedSharding(mesh, spec)
    return jax.tree.map(lambda leaf: _moved(leaf, sharding) if eqx.is_array(leaf) else leaf, tree)


def to_here(tree: Tree) -> Tree:
    """Every array of ``tree`` whole on the first device of this process; what is split over devices is gathered first.

    Example:
        >>> import jax.numpy as jnp
        >>> to_here({"x": jnp.arange(2), "name": "two"})
        {'x': Array([0, 1], dtype=int32...), 'name': 'two'}
    """
    return jax.tree.map(lambda leaf: _here(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


def _moved(leaf: Any, sharding: NamedSharding) -> Any:
    if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_moved(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    known = np.asarray(leaf)
    return jax.make_array_from_callback(known.shape, sharding, lambda index: known[index])


def _here(leaf: jax.Array) -> jax.Array:
    if len(leaf.sharding.device_set) == 1:
        return leaf
    if not leaf.is_fully_replicated:
        assert isinstance(leaf.sharding, NamedSharding), "placed by this package"
        leaf = _gather(NamedSharding(leaf.sharding.mesh, PartitionSpec()))(leaf)
    return leaf.addressable_data(0)


def _gather(sharding: NamedSharding) -> Any:
    return jax.jit(lambda leaf: leaf, out_shardings=sharding)

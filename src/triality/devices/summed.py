"""Functions of log weights on samples that are spread over devices, each number one of all samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from triality.reduction import DATA, OverDevices


def summed(mesh: Mesh, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(*arrays, over=OverDevices())`` compiled, its arrays split along their first axis, its results everybody's.

    For ``log_mean_exp``, ``weighted_mean`` and ``effective_sample_size`` of ``numerics``, and for ``importance``, ``solve_log_z`` and
    ``acceptance_ratio`` of ``partition``: equal to what they say of the whole arrays on one device, but for rounding. Where the
    devices do not divide the samples, pad them with log weights of -inf, which count nothing.

    Args:
        mesh: as ``data_mesh`` makes it.
        function: takes arrays, and ``over``.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.devices.mesh import data_mesh
        >>> from triality.partition.acceptance_ratio import acceptance_ratio
        >>> estimate = summed(data_mesh(1), acceptance_ratio)(jnp.array([1.0, 2.0]), jnp.array([0.0, -1.0, 0.5]))
        >>> float(estimate.value.round(3))
        0.591
    """

    def of_some(*arrays: Any) -> Any:
        return function(*arrays, over=OverDevices())

    return jax.jit(jax.shard_map(of_some, mesh=mesh, in_specs=PartitionSpec(DATA), out_specs=PartitionSpec()))

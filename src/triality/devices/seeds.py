"""Seeds over devices: each device runs some of the seeds from beginning to end, and none of them ever waits for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh, PartitionSpec

from triality.reduction import DATA


def spread_over_seeds(mesh: Mesh, function: Callable[..., Any]) -> Callable[..., Any]:
    """``run.over_seeds`` with its seeds split over the devices of ``mesh``, which have to divide them.

    By ``shard_map``, not by a wish to the compiler: inside it every device has a program of its own, so that loops which end when they have
    converged, as the solution for log Z, wait for the device's own seeds alone, and nothing is communicated at all.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.devices.mesh import data_mesh
        >>> spread_over_seeds(data_mesh(1), lambda rate, state: state - rate * state)(0.5, jnp.array([4.0, 8.0])).tolist()
        [2.0, 4.0]
    """

    @eqx.filter_jit
    def program(algorithm: Any, state: Any) -> Any:
        arrays, rest = eqx.partition(state, eqx.is_array)
        given, fixed = eqx.partition(algorithm, eqx.is_array)
        static: list[Any] = []

        def of_some(given: Any, arrays: Any) -> Any:
            mapped = eqx.filter_vmap(function, in_axes=(None, eqx.if_array(0)))
            out, kept = eqx.partition(mapped(eqx.combine(given, fixed), eqx.combine(arrays, rest)), eqx.is_array)
            static.append(kept)
            return out

        along = PartitionSpec(DATA)
        # Unchecked: what is the same on all devices and what is not is no matter where nothing is communicated.
        spread = jax.shard_map(of_some, mesh=mesh, in_specs=(PartitionSpec(), along), out_specs=along, check_vma=False)
        out = spread(given, arrays)
        return eqx.combine(out, static[0])

    return program

"""The mesh: so many devices of every process in a row, under one axis, ``data``, along which samples are spread."""

from __future__ import annotations

import contextlib

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from triality.errors import ConfigError
from triality.reduction import DATA


def data_mesh(num_devices: int | None = None) -> Mesh:
    """The first ``num_devices`` devices of each process, all of them if None, under the axis ``data``.

    Random numbers have to be the same however they are spread, which jax's generator promises in its partitionable form alone.

    Raises:
        ConfigError: there are fewer devices; or the generator is not partitionable.

    Example:
        >>> dict(data_mesh(1).shape)
        {'data': 1}
    """
    if not jax.config.values["jax_threefry_partitionable"]:
        raise ConfigError(
            "expected jax's partitionable random numbers, got jax_threefry_partitionable turned off, by which several devices would draw "
            "other numbers than one; leave it on"
        )
    by_process = [[each for each in jax.devices() if each.process_index == index] for index in range(jax.process_count())]
    found = min(len(devices) for devices in by_process)
    num = found if num_devices is None else num_devices
    if not 1 <= num <= found:
        of_each = "" if len(by_process) == 1 else " of each process"
        raise ConfigError(
            f"expected between 1 and {found} device(s){of_each}, got {num}: jax sees no more here ({jax.devices()[0].platform}); ask for "
            "fewer, or on a CPU ask for them before anything is computed"
        )
    devices = [each for of_one in by_process for each in of_one[:num]]
    return Mesh(np.array(devices), (DATA,), axis_types=(AxisType.Auto,))


def check_platform() -> None:
    """Has jax look for its devices, which it does not find if it was told to use some that are not there.

    Raises:
        ConfigError: jax cannot compute on what ``JAX_PLATFORMS`` or its configuration names.
    """
    try:
        jax.devices()
    except Exception as error:  # jax raises RuntimeError, and an AssertionError where no plug-in knows the platform
        named = jax.config.values["jax_platforms"]
        why = f" ({error})" if str(error) else ""
        raise ConfigError(
            f"expected a platform that jax can use here, got JAX_PLATFORMS={named}{why}; unset it, or install jax for that platform"
        ) from error


def ask_for_cpu_devices(num_devices: int) -> None:
    """Lets the CPU count as so many devices, which share its cores; for before jax computes anything, and without effect after that.

    ``data_mesh`` tells whether there are enough.
    """
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", num_devices)

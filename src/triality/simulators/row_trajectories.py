"""From rows of numbers, which simulators leave, to the trajectories that everything compiled takes."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from triality.simulators.record import Rows
from triality.trajectory import Trajectory


def trajectories_of(parts: Sequence[Rows]) -> Trajectory:
    """All rows of all parts, one after the other, as one batch under one start context.

    Example:
        >>> from triality.simulators.record import Record
        >>> from triality.specs import SPECS
        >>> rows = Record.empty(3, 2, SPECS["CartPole-v1"], np.dtype(float)).rows(np.array([True, True]))
        >>> trajectories_of([rows, rows]).observation.shape
        (4, 4, 4)
    """
    whole = (np.concatenate(leaves) for leaves in zip(*parts, strict=True)) if len(parts) > 1 else iter(parts[0])
    fields = [jnp.asarray(leaf) for leaf in whole]
    return Trajectory(*fields, start=jnp.zeros(fields[0].shape[0], int))

"""The guard against variable horizons: whole trajectories are compared only if all of them are as long as the roll-outs.

Where lengths differ, length alone tells demonstrations from roll-outs, and a constant in the cost becomes a reward for living or for dying:
it is learned, and looks like skill (``tabular.worlds.stay_alive``). Imports no jax.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from triality.errors import DataError


def check_one_length(lengths: Int[np.ndarray, " episodes"], horizon: int) -> None:
    """Nothing, where every episode has ``horizon`` steps.

    Args:
        lengths: steps of each episode.
        horizon: T, the length of the roll-outs.

    Raises:
        DataError: an episode is shorter, or longer.

    Example:
        >>> check_one_length(np.array([500, 500]), 500)
        >>> check_one_length(np.array([27, 500]), 500)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        triality.errors.DataError: expected episodes of one length, that of the roll-outs (500 steps), got lengths from 27 to 500; ...
    """
    if np.all(lengths == horizon):
        return
    low, high = int(np.min(lengths)), int(np.max(lengths))
    got = f"lengths from {low} to {high}" if low < high else f"length {low}"
    raise DataError(
        f"expected episodes of one length, that of the roll-outs ({horizon} steps), got {got}; wrap the environment in "
        "triality.envs.absorbing.Absorbing and pad the demonstrations with triality.data.absorbing.pad_with_absorbing, or, if they were "
        "only cut short, compare single steps (level step)"
    )

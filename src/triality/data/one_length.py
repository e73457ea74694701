"""The guard against variable horizons: whole trajectories are compared only if all of them are as long as the roll-outs.

Where lengths differ, length alone tells demonstrations from roll-outs, and a constant in the cost becomes a reward for living or for dying:
it is learned, and looks like skill (``tabular.worlds.stay_alive``). Imports no jax.
"""

from __future__ import annotations

from os import PathLike

import numpy as np
from jaxtyping import Int

from triality.errors import DataError

REMEDY = (
    "wrap the environment in triality.envs.absorbing.Absorbing and pad the demonstrations with "
    "triality.data.absorbing.pad_with_absorbing, or, if they were only cut short, compare single steps (level step)"
)


def check_one_length(
    lengths: Int[np.ndarray, " episodes"], horizon: int, source: str | PathLike[str] | None = None, remedy: str = REMEDY
) -> None:
    """Nothing, where every episode has ``horizon`` steps.

    Args:
        lengths: steps of each episode.
        horizon: T, the length of the roll-outs.
        source: the file that they were read from, for the message.
        remedy: what to do about others.

    Raises:
        DataError: an episode is shorter, or longer.

    Example:
        >>> check_one_length(np.array([500, 500]), 500)
        >>> check_one_length(np.array([27, 500]), 500)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        triality.errors.DataError: expected episodes of one length, that of the roll-outs (500 steps), got lengths from 27 to 500, ...
    """
    other = np.asarray(lengths) != horizon
    if not other.any():
        return
    got = f"{lengths_in_words(lengths)}, the first other one at index {int(np.argmax(other))}"
    where = "" if source is None else f"{source}: "
    raise DataError(f"{where}expected episodes of one length, that of the roll-outs ({horizon} steps), got {got}; {remedy}")


def lengths_in_words(lengths: Int[np.ndarray, " episodes"]) -> str:
    """The range of them.

    Example:
        >>> lengths_in_words(np.array([27, 500])), lengths_in_words(np.array([30, 30]))
        ('lengths from 27 to 500', 'length 30')
    """
    low, high = int(np.min(lengths)), int(np.max(lengths))
    return f"lengths from {low} to {high}" if low < high else f"length {low}"

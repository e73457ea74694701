"""Episodes are whole or they are not there: what a replaced worker took with it is played again from the start."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from triality.errors import WorkerReplacedError

T = TypeVar("T")


def repeated(episodes: Callable[[], T]) -> T:
    """``episodes()``, which begins by a reset; once more whenever a worker was replaced under it, with a warning that says why.

    It comes to an end because batches replace only so many workers.

    Example:
        >>> left = [WorkerReplacedError("the cable was out")]
        >>> def episodes():
        ...     if left:
        ...         raise left.pop()
        ...     return "whole"
        >>> with warnings.catch_warnings(record=True) as told:
        ...     warnings.simplefilter("always")
        ...     repeated(episodes), str(told[0].message)
        ('whole', 'the cable was out\\n  The episodes that were lost are played again, from the same seeds.')
    """
    while True:
        try:
            return episodes()
        except WorkerReplacedError as error:
            warnings.warn(f"{error}\n  The episodes that were lost are played again, from the same seeds.", RuntimeWarning, stacklevel=2)

"""The interquartile mean: what a handful of seeds came to, whatever its best and its worst did (Agarwal et al. 2021, arXiv:2108.13264).

    IQM(x) = mean of x_(k+1) .. x_(n-k),   k = floor(n / 4)          x_(i): ascending

A quarter of the values, rounded down, is left out on each side: ``scipy.stats.trim_mean(x, 0.25)``, and so the IQM of ``rliable``. Of three
values none is left out and it is their mean; of five, one on each side. Another definition takes quarters by share, (3/4, 1, 3/4) / 2.5 of
the middle three of five. The two agree where n is divisible by four, and nowhere else in general: only this one is used here.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped


def interquartile_mean(values: Shaped[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch"]:
    """Mean of the middle half along the last axis; NaN where any of them is.

    Example:
        >>> float(interquartile_mean(np.array([0.0, 0.9, 1.0, 1.1, 50.0])))
        1.0
    """
    ordered = np.sort(values, axis=-1)
    cut = ordered.shape[-1] // 4
    middle = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    # NaN sorts as the largest number: it would be left out as if a seed that failed had been the best.
    return np.where(np.isnan(ordered).any(axis=-1), np.nan, middle)

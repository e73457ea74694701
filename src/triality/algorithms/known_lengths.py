"""The guard against variable horizons where a state is made: what ``data.one_length`` refuses, for masks whose values are known."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Bool

from triality.data.one_length import check_one_length


def check_known_lengths(mask: Bool[Array, "n time"]) -> None:
    """Nothing, where every step is real. Inside a compiled program the values are unknown: there whoever compiles it has to ask before.

    Raises:
        DataError: some steps are padding.

    Example:
        >>> import jax.numpy as jnp
        >>> check_known_lengths(jnp.ones((2, 5), bool))
    """
    try:
        real = np.asarray(mask)
    except jax.errors.TracerArrayConversionError:
        return
    check_one_length(real.sum(axis=-1), mask.shape[-1])

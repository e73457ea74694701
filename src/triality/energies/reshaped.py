"""An energy of vectors as one of images, or the other way round: E(x) = E_0(x laid out anew, row by row)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Num

from triality.energy import Energy


class Reshaped(eqx.Module):
    """``energy`` of ``x.reshape(shape)``.

    Args:
        energy: of an array of that shape.
        shape: static; as many numbers as x has.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Reshaped(lambda image: image[1, 0], (2, 3))(jnp.arange(6.0)))
        3.0
    """

    energy: Energy[Any]
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x: Num[Array, " *shape"]) -> Float[Array, ""]:
        return self.energy(x.reshape(self.shape))

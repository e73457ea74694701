"""log sum exp of numbers that come one after the other, in memory that does not grow: for horizons and chains too long to keep.

    (m, s) stands for m + log s;    a number v makes it (m', s exp(m - m') + exp(v - m')),    m' = max(m, v)

Two of them that were summed apart are put together in the same way, so that devices, chunks and files may each sum their own.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class RunningLogSum(NamedTuple):
    """Of what has been seen so far; a leaf-wise state for ``jax.lax.scan``.

    Fields:
        highest: the largest number so far, -inf before the first.
        share: sum of exp(number - highest).

    Example:
        >>> numbers = jnp.log(jnp.array([1.0, 3.0, 4.0]))
        >>> seen, along = jax.lax.scan(lambda seen, v: (seen.add(v), seen.add(v).value), empty_log_sum(), numbers)
        >>> jnp.exp(along).round(4).tolist(), float(jnp.exp(seen.together(seen).value).round(4))
        ([1.0, 4.0, 8.0], 16.0)
    """

    highest: Float[Array, "*batch"]
    share: Float[Array, "*batch"]

    @property
    def value(self) -> Float[Array, "*batch"]:
        """log sum exp; -inf where nothing but -inf was seen."""
        return jnp.where(jnp.isneginf(self.highest), -jnp.inf, self.highest + jnp.log(self.share))

    def add(self, number: Float[Array, "*batch"]) -> RunningLogSum:
        """With one number more; -inf, a masked one, changes nothing."""
        return self.together(RunningLogSum(number, jnp.where(jnp.isneginf(number), 0.0, jnp.ones_like(number))))

    def together(self, other: RunningLogSum) -> RunningLogSum:
        """Of what either has seen."""
        highest = jnp.maximum(self.highest, other.highest)
        # Its place cancels in the result: only the numbers' own gradients count, and -inf - -inf is never formed.
        around = jax.lax.stop_gradient(jnp.where(jnp.isfinite(highest), highest, 0.0))
        share = _scaled(self, around) + _scaled(other, around)
        return RunningLogSum(jnp.where(jnp.isfinite(highest), around, highest), jnp.where(jnp.isposinf(highest), 1.0, share))


def empty_log_sum(shape: tuple[int, ...] = (), dtype: DTypeLike | None = None) -> RunningLogSum:
    """Nothing has been seen yet, of one sum or of a batch of them."""
    share = jnp.zeros(shape, dtype)
    return RunningLogSum(jnp.full_like(share, -jnp.inf), share)


def _scaled(seen: RunningLogSum, around: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    counts = seen.share > 0
    return jnp.where(counts, seen.share * jnp.exp(jnp.where(counts, seen.highest, around) - around), 0.0)

"""How sums over samples are taken: here, where all samples are in one array, or over the devices that each hold a part of them.

    log sum_i exp(v_i) = m + log sum_devices sum_{i here} exp(v_i - m),    m = max_devices max_{i here} v_i

``Here`` is what every function of log weights does unless told otherwise. ``OverDevices`` is the same inside ``jax.shard_map``, by one
``pmax`` and one ``psum`` a call, however many sums are asked for: the maximum has to be everybody's before anything is exponentiated. A
maximum of one's own, or a mean of the devices' own log-sum-exps, is another number (Jensen), and looks plausible.

Every device gets the same number, bit for bit, so that loops whose end depends on it end together.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

DATA = "data"
"""The axis of a mesh of devices along which samples are spread."""


@runtime_checkable
class Reduction(Protocol):
    """See the module. Arrays have a leading axis of the samples that are at hand."""

    def size(self, num_here: int) -> int:
        """Samples in all, ``num_here`` of them at hand."""
        ...

    def total(self, values: Float[Array, "n ..."]) -> Float[Array, " ..."]:
        """Their sum."""
        ...

    def log_sum_exps(self, *values: Float[Array, " _"]) -> tuple[Float[Array, ""], ...]:
        """log sum exp of each; -inf where all are."""
        ...

    def softmax(self, values: Float[Array, " n"]) -> Float[Array, " n"]:
        """exp(values) over their sum, for the samples at hand."""
        ...

    def lowest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        """The minimum; not differentiated."""
        ...

    def highest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        """The maximum; not differentiated."""
        ...

    def highest_of_each(self, *values: Float[Array, " _"]) -> Float[Array, " arrays"]:
        """The maximum of each, at one go; not differentiated."""
        ...

    def some(self, flags: Bool[Array, " n"]) -> Bool[Array, ""]:
        """Whether any is true."""
        ...

    def gathered(self, values: Float[Array, " n"]) -> Float[Array, " all"]:
        """Those of all samples, for what no sum gives: ranks and tails."""
        ...


class Here(NamedTuple):
    """All samples are in one array.

    Example:
        >>> [float(each.round(4)) for each in Here().log_sum_exps(jnp.zeros(2), jnp.zeros(3))]
        [0.6931, 1.0986]
    """

    def size(self, num_here: int) -> int:
        return num_here

    def total(self, values: Float[Array, "n ..."]) -> Float[Array, " ..."]:
        return jnp.sum(values, axis=0)

    def log_sum_exps(self, *values: Float[Array, " _"]) -> tuple[Float[Array, ""], ...]:
        return tuple(jax.nn.logsumexp(each) for each in values)

    def softmax(self, values: Float[Array, " n"]) -> Float[Array, " n"]:
        return jax.nn.softmax(values)

    def lowest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.min(values)

    def highest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.max(values)

    def highest_of_each(self, *values: Float[Array, " _"]) -> Float[Array, " arrays"]:
        return jnp.stack([jnp.max(each) for each in values])

    def some(self, flags: Bool[Array, " n"]) -> Bool[Array, ""]:
        return jnp.any(flags)

    def gathered(self, values: Float[Array, " n"]) -> Float[Array, " all"]:
        return values


HERE = Here()


class OverDevices(NamedTuple):
    """Each device along ``axis`` holds as many samples as every other; for the inside of ``jax.shard_map``, as ``devices.summed`` makes it.

    Args:
        axis: name of the mesh's axis.

    Example:
        >>> from triality.devices.mesh import data_mesh
        >>> from triality.devices.summed import summed
        >>> float(summed(data_mesh(1), lambda x, over: over.log_sum_exps(x)[0])(jnp.zeros(2)).round(4))
        0.6931
    """

    axis: str = DATA

    def size(self, num_here: int) -> int:
        return num_here * jax.lax.axis_size(self.axis)

    def total(self, values: Float[Array, "n ..."]) -> Float[Array, " ..."]:
        return jax.lax.psum(jnp.sum(values, axis=0), self.axis)

    def log_sum_exps(self, *values: Float[Array, " _"]) -> tuple[Float[Array, ""], ...]:
        highest = self.highest_of_each(*values)
        finite = jnp.where(jnp.isfinite(highest), highest, 0.0)
        sums = jax.lax.psum(jnp.stack([jnp.sum(jnp.exp(each - m)) for each, m in zip(values, finite, strict=True)]), self.axis)
        return tuple(jnp.log(sums) + finite)

    def softmax(self, values: Float[Array, " n"]) -> Float[Array, " n"]:
        return jnp.exp(values - self.log_sum_exps(values)[0])

    def lowest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        return -self._highest(-jnp.min(values))

    def highest(self, values: Float[Array, " n"]) -> Float[Array, ""]:
        return self._highest(jnp.max(values))

    def highest_of_each(self, *values: Float[Array, " _"]) -> Float[Array, " arrays"]:
        return self._highest(jnp.stack([jnp.max(each) for each in values]))

    def some(self, flags: Bool[Array, " n"]) -> Bool[Array, ""]:
        return jax.lax.psum(jnp.sum(flags, dtype=jnp.int32), self.axis) > 0

    def gathered(self, values: Float[Array, " n"]) -> Float[Array, " all"]:
        # As a sum of arrays that are zero elsewhere: what comes out is then known to be everybody's.
        place = jax.lax.axis_index(self.axis) * values.shape[0]
        blank = jnp.zeros(self.size(values.shape[0]), values.dtype)
        return jax.lax.psum(jax.lax.dynamic_update_slice(blank, values, (place,)), self.axis)

    def _highest(self, values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jax.lax.pmax(jax.lax.stop_gradient(values), self.axis)

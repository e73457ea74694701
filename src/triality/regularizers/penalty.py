"""The protocol of a penalty, and a sum of several."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energy import Energy
from triality.sampler import Samples


@runtime_checkable
class Penalty(Protocol):
    """A non-negative number, in nats a sample, added to the loss of the energy. It is given the energy without its log Z (D5)."""

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]: ...


class Penalties(eqx.Module):
    """The sum of several; of none, zero.

    Example:
        >>> import jax
        >>> from triality.sampler import Samples
        >>> none = Samples.unweighted(jnp.zeros((2, 1)), jnp.zeros(2))
        >>> float(Penalties()(jax.random.key(0), lambda x: x[0], none, none))
        0.0
    """

    parts: tuple[Penalty, ...] = ()

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
        keys = jax.random.split(key, max(len(self.parts), 1))
        return sum((part(k, energy, data, drawn) for k, part in zip(keys, self.parts, strict=False)), jnp.zeros(()))

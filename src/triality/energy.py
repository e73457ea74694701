"""Energies, and the density that one defines once its log Z is named (eq. 1 of the paper).

p(x) = exp(-E(x) - log Z): low energy = likely. log Z is always a leaf of its own, never a bias hidden inside a network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.sampler import AbstractDensity

X = TypeVar("X")
X_contra = TypeVar("X_contra", contravariant=True)


@runtime_checkable
class Energy(Protocol[X_contra]):
    """Unnormalized minus log density of one sample: p(x) is proportional to exp(-E(x))."""

    def __call__(self, x: X_contra, /) -> Float[Array, ""]: ...


class Constant(eqx.Module):
    """One log Z for every sample."""

    value: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, x: object) -> Float[Array, ""]:
        """log Z, whatever ``x`` is."""
        del x
        return self.value


class Conditional(eqx.Module):
    """log Z(context): one value a discrete context, such as the start state of a trajectory (X11).

    Equals log Z(x_1) only where data and drawn samples share the law of the context; with finite counts, only where their
    ratio is the same in every context. Otherwise it absorbs the log of that ratio.
    """

    values: Float[Array, " contexts"]
    context: Callable[[Any], Int[Array, ""]] = eqx.field(static=True)

    def __call__(self, x: object) -> Float[Array, ""]:
        """log Z of the context that ``x`` belongs to."""
        return self.values[self.context(x)]


class UnnormalizedDensity(AbstractDensity[X], Generic[X]):
    """p_theta(x) = exp(-E(x) - log Z) (eq. 1). Normalized exactly where ``log_z`` is the true log partition function.

    Example:
        >>> import jax.numpy as jnp
        >>> gaussian = UnnormalizedDensity(lambda x: 0.5 * x**2, Constant(0.5 * jnp.log(2 * jnp.pi)))
        >>> float(gaussian.log_prob(jnp.array(0.0)).__round__(4))
        -0.9189
    """

    energy: Callable[[X], Float[Array, ""]]
    log_z: Constant | Conditional

    def log_prob(self, x: X) -> Float[Array, ""]:
        """-E(x) - log Z(x), in nats."""
        return -self.energy(x) - self.log_z(x)

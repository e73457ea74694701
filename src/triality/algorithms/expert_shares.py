"""How often the expert acts for the learner while data are collected: the beta_i of DAgger, i = 0, 1, ... (Ross et al. 2011, section 3)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@runtime_checkable
class ExpertShare(Protocol):
    """The round's number, from 0, to the probability in [0, 1] that the expert acts. The guarantee asks for a mean that tends to 0."""

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]: ...


class ExpertFirst(eqx.Module):
    """beta = 1 in the first round and 0 in all others: no parameter to choose, and what the authors found to do best.

    Example:
        >>> [float(ExpertFirst()(jnp.array(i))) for i in range(3)]
        [1.0, 0.0, 0.0]
    """

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.where(iteration == 0, 1.0, 0.0)


class LearnerAlone(eqx.Module):
    """beta = 0 in every round: for data that begin with demonstrations, which are the round in which the expert acted.

    Example:
        >>> float(LearnerAlone()(jnp.array(0)))
        0.0
    """

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.zeros(jnp.shape(iteration))


class GeometricShare(eqx.Module):
    """beta_i = p^i: the expert lets go slowly, where a bad first learner would end the episodes at once.

    Args:
        ratio: p in [0, 1]. 0 is ``ExpertFirst``; 1 always lets the expert act, which is cloning with more data.

    Example:
        >>> [float(GeometricShare(0.5)(jnp.array(i))) for i in range(3)]
        [1.0, 0.5, 0.25]
    """

    ratio: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)

    def __call__(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.asarray(self.ratio, float) ** iteration

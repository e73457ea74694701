"""The sum of several penalties of the cost of a step."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.gradient_penalty import CostPenalty
from triality.policies.scaling import Scaling
from triality.trajectory import Trajectory


class CostPenalties(eqx.Module):
    """A ``CostPenalty`` that adds its parts; of none, zero.

    Args:
        parts: such as ``(GradientPenalty(), LocalConstantRate(), MonotonicProgress())``.
    """

    parts: tuple[CostPenalty, ...] = ()

    def __call__(self, key: Key[Array, ""], cost: Any, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]:
        keys = jax.random.split(key, max(len(self.parts), 1))
        return sum((part(k, cost, scaling, data, drawn) for k, part in zip(keys, self.parts, strict=False)), jnp.zeros(()))

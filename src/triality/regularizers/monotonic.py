"""Monotonic progress: along a demonstration the cost should not rise by more than a margin (guided cost learning's "mono").

    mono(tau) = sum_t max(0, c_t - c_{t-1} - margin)^2,      c_t = c(x_t, u_t)

Only along demonstrations, and only for tasks that are done once and make progress from start to end: in one that repeats itself, or passes
something costly on its way, the true cost rises, and this penalty is wrong. The squared hinge leaves falling costs alone.
Reference: C. Finn, S. Levine and P. Abbeel 2016, arXiv:1603.00448, section 5, on regularization, with a margin of 1.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from triality.policies.scaling import Scaling
from triality.trajectory import StepCost, Trajectory, TrajectoryEnergy


class MonotonicProgress(eqx.Module):
    """A ``CostPenalty``: squared hinge of the cost's rise from step to step, as a mean over the demonstrations' real steps.

    Args:
        weight: nats a step for a rise of one nat beyond the margin at each step; an objective over trajectories counts it once a step.
        margin: rise that is free, in nats. The published 1 is of the scale of its costs: 0 asks for a cost that never rises.
    """

    weight: Float[Array, ""] = eqx.field(default=0.01, converter=jnp.asarray)
    margin: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], cost: StepCost, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]:
        del key, scaling, drawn
        margin = jax.lax.stop_gradient(self.margin)
        costs = jax.vmap(TrajectoryEnergy(cost).by_step)(data)
        return self.weight * jnp.sum(jax.vmap(rise, (0, 0, None))(costs, data.mask, margin)) / jnp.maximum(jnp.sum(data.mask), 1)


def rise(costs: Float[Array, " time"], mask: Bool[Array, " time"], margin: Float[Array, ""] | float = 1.0) -> Float[Array, ""]:
    """mono of one trajectory: the sum over pairs of real steps.

    Example:
        >>> float(rise(jnp.array([0.0, 3.0, -5.0]), jnp.ones(3, bool)))  # (3 - 0 - 1)^2; the fall is free
        4.0
    """
    beyond = jnp.maximum(costs[1:] - costs[:-1] - margin, 0.0)
    return jnp.sum(jnp.where(mask[1:] & mask[:-1], beyond, 0.0) ** 2)

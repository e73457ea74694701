"""Local constant rate: along a trajectory the cost should change at a steady pace (guided cost learning's "lcr").

    lcr(tau) = sum_t [ (c_{t+1} - c_t) - (c_t - c_{t-1}) ]^2,      c_t = c(x_t, u_t)

Second differences, along the demonstrations and the policy's roll-outs alike: a learned cost then has no jumps where trajectories pass, and
a slope for the policy to follow between them. It costs a true cost that does jump (a contact, an obstacle) exactly those jumps.
Reference: C. Finn, S. Levine and P. Abbeel 2016, arXiv:1603.00448, section 5, on regularization.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from triality.policies.scaling import Scaling
from triality.trajectory import StepCost, Trajectory, TrajectoryEnergy


class LocalConstantRate(eqx.Module):
    """A ``CostPenalty``: squared second differences of the cost in time, as a mean over the real steps of either side, both added.

    Args:
        weight: nats a step for a second difference of one nat at each step; an objective over trajectories counts it once a step, which
            gives the published sum over a trajectory.

    Example:
        >>> local_rate(jnp.array([0.0, 1.0, 4.0, 9.0]), jnp.array([True, True, True, False])).tolist()  # only one whole triple
        4.0
    """

    weight: Float[Array, ""] = eqx.field(default=0.01, converter=jnp.asarray)

    def __call__(self, key: Key[Array, ""], cost: StepCost, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]:
        del key, scaling
        return self.weight * (roughness(cost, data) + roughness(cost, drawn))


def roughness(cost: StepCost, batch: Trajectory) -> Float[Array, ""]:
    """Mean over the batch's real steps of the squared second differences: what ``LocalConstantRate`` weighs, in squared nats."""
    costs = jax.vmap(TrajectoryEnergy(cost).by_step)(batch)
    return jnp.sum(jax.vmap(local_rate)(costs, batch.mask)) / jnp.maximum(jnp.sum(batch.mask), 1)


def local_rate(costs: Float[Array, " time"], mask: Bool[Array, " time"]) -> Float[Array, ""]:
    """lcr of one trajectory: the sum over triples of real steps.

    Example:
        >>> float(local_rate(jnp.array([0.0, 1.0, 0.0]), jnp.ones(3, bool)))  # (-1 - 1)^2
        4.0
    """
    second = costs[2:] - 2.0 * costs[1:-1] + costs[:-2]
    return jnp.sum(jnp.where(mask[2:] & mask[1:-1] & mask[:-2], second, 0.0) ** 2)

"""Gradient penalty on the cost of a step: keeps the learned cost smooth between what the demonstrations do and what q does.

    penalty = weight * E[ |d c(x, u) / d(x, u)|^2 ],   at random points on the lines between data and drawn pairs,

with observations in units of the shared scaling. One-sided toward zero, not toward one: the cost should be no steeper than it must.
Reference: Gulrajani et al. 2017 (arXiv:1704.00028) for the points; Mescheder et al. 2018 (arXiv:1801.04406) for the target zero.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.devices.placement import spread, whole
from triality.policies.scaling import Scaling
from triality.trajectory import StepCost, Trajectory, random_steps


@runtime_checkable
class CostPenalty(Protocol):
    """A regularizer of the cost of a step, in nats a step."""

    def __call__(self, key: Key[Array, ""], cost: Any, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]: ...


class GradientPenalty(eqx.Module):
    """Squared gradient of the cost, averaged over ``num_points`` interpolates; for discrete actions, in the observation alone.

    Args:
        weight: nats a step for a gradient of one a scaled unit; an objective over trajectories counts it once a step.
        num_points: interpolates a call.
    """

    weight: Float[Array, ""] = eqx.field(default=0.003, converter=jnp.asarray)
    num_points: int = eqx.field(default=512, static=True)

    def __call__(self, key: Key[Array, ""], cost: StepCost, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]:
        key_data, key_drawn, key_mix = jax.random.split(key, 3)
        mix = spread(jax.random.uniform(key_mix, (self.num_points, 1)))
        (x_data, u_data), (x_drawn, u_drawn) = self._pick(key_data, data), self._pick(key_drawn, drawn)
        observation = mix * x_data + (1.0 - mix) * x_drawn
        if jnp.issubdtype(u_data.dtype, jnp.integer):
            by_observation = jax.vmap(jax.grad(cost))(observation, jnp.where(mix[:, 0] < 0.5, u_drawn, u_data))
            return self.weight * jnp.mean(jnp.sum((by_observation * scaling.scale) ** 2, axis=-1))
        action = mix * u_data + (1.0 - mix) * u_drawn
        by_observation, by_action = jax.vmap(jax.grad(cost, argnums=(0, 1)))(observation, action)
        squared = jnp.sum((by_observation * scaling.scale) ** 2, axis=-1) + jnp.sum(by_action**2, axis=-1)
        return self.weight * jnp.mean(squared)

    def _pick(self, key: Key[Array, ""], batch: Trajectory) -> tuple[Float[Array, "n obs"], Array]:
        batch = whole(batch)
        index = spread(random_steps(key, batch.mask, self.num_points))
        observation = batch.observation[:, :-1].reshape((-1, batch.observation.shape[-1]))
        return observation[index], batch.action.reshape((-1, *batch.action.shape[2:]))[index]

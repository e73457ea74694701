"""A point mass in the plane, pushed to a goal against friction: the smallest continuous task whose answer is known.

Ours, not Gymnasium's. With position p, velocity v, force u in [-1, 1]^2, friction 0.5 / s and dt = 0.1 s:

    v' = (1 - 0.5 dt) v + dt u,   p' = p + dt v',   reward = -(|p - goal|^2 + 0.1 |v|^2 + 0.01 |u|^2),

a damped double integrator with quadratic cost. Away from the bounds it is a linear-quadratic problem, so the MaxEnt policy is linear in
the state with Gaussian noise, and the Riccati recursion gives it. The goal (1, -0.5) is off center, so that a sign error shows.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

TIME_STEP, FRICTION, ARENA, GOAL = 0.1, 0.5, 2.0, (1.0, -0.5)


class PointMassState(NamedTuple):
    """Position in [-2, 2]^2 and velocity, which the friction keeps in [-2, 2]^2."""

    position: Float[Array, " 2"]
    velocity: Float[Array, " 2"]


class PointMass(AbstractEnvironment[PointMassState]):
    """Observation (position, velocity); action: force in [-1, 1]^2, clipped. Never terminates; the time limit is 100 steps.

    At the border of the arena the mass stops: the position is clipped, and that coordinate of the velocity becomes zero.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["PointMass-v0"])

    def initial_state(self, key: Key[Array, ""]) -> PointMassState:
        """At rest, position uniform in [-1, 1]^2."""
        position = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        return PointMassState(position, jnp.zeros_like(position))

    def observe(self, state: PointMassState) -> Float[Array, " 4"]:
        return jnp.concatenate(state)

    def transition(self, key: Key[Array, ""], state: PointMassState, action: Float[Array, " 2"]) -> Transition:
        del key
        force = jnp.clip(action, -1.0, 1.0)
        distance = state.position - jnp.asarray(GOAL)
        reward = -(jnp.sum(distance**2) + 0.1 * jnp.sum(state.velocity**2) + 0.01 * jnp.sum(force**2))
        velocity = (1.0 - FRICTION * TIME_STEP) * state.velocity + TIME_STEP * force
        unbounded = state.position + TIME_STEP * velocity
        position = jnp.clip(unbounded, -ARENA, ARENA)
        after = PointMassState(position, jnp.where(position == unbounded, velocity, 0.0))
        return Transition(after, reward, jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " 4"]) -> PointMassState:
        """The observation is the state."""
        return PointMassState(observation[:2], observation[2:])

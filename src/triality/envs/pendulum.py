"""Gymnasium's Pendulum-v1 as pure functions: swing a torque-limited pendulum up and hold it.

Dynamics, reward and start law: ``gymnasium/envs/classic_control/pendulum.py`` (1.4), g = 10, m = l = 1, dt = 0.05.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

GRAVITY, MASS, LENGTH, TIME_STEP = 10.0, 1.0, 1.0, 0.05
MAX_SPEED, MAX_TORQUE = 8.0, 2.0


class PendulumState(NamedTuple):
    """Angle in radians, 0 = upright, and angular velocity in radians a second."""

    angle: Float[Array, ""]
    velocity: Float[Array, ""]


class Pendulum(AbstractEnvironment[PendulumState]):
    """Observation (cos angle, sin angle, velocity); action: torque in [-2, 2]; reward -(angle^2 + 0.1 velocity^2 + 0.001 torque^2).

    Never terminates; the time limit is 200 steps.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["Pendulum-v1"])

    def initial_state(self, key: Key[Array, ""]) -> PendulumState:
        """Angle uniform in [-pi, pi], velocity uniform in [-1, 1]."""
        angle, velocity = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0) * jnp.array([jnp.pi, 1.0])
        return PendulumState(angle, velocity)

    def observe(self, state: PendulumState) -> Float[Array, " 3"]:
        return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.velocity])

    def transition(self, key: Key[Array, ""], state: PendulumState, action: Float[Array, " 1"]) -> Transition:
        del key
        angle, velocity = state
        torque = jnp.clip(action[0], -MAX_TORQUE, MAX_TORQUE)
        wrapped = jnp.mod(angle + jnp.pi, 2 * jnp.pi) - jnp.pi
        reward = -(wrapped**2 + 0.1 * velocity**2 + 0.001 * torque**2)
        acceleration = 3 * GRAVITY / (2 * LENGTH) * jnp.sin(angle) + 3.0 / (MASS * LENGTH**2) * torque
        velocity = jnp.clip(velocity + acceleration * TIME_STEP, -MAX_SPEED, MAX_SPEED)
        return Transition(PendulumState(angle + velocity * TIME_STEP, velocity), reward, jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " 3"]) -> PendulumState:
        """The angle up to full turns, which nothing depends on."""
        return PendulumState(jnp.arctan2(observation[1], observation[0]), observation[2])

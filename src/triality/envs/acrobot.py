"""Gymnasium's Acrobot-v1 as pure functions: swing a two-link arm up by a motor at the elbow alone.

Dynamics, reward and start law: ``gymnasium/envs/classic_control/acrobot.py`` (1.4), the equations of the book (Sutton & Barto 1998,
section 11.3), one Runge-Kutta step of 0.2 s an action.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

GRAVITY, TIME_STEP = 9.8, 0.2
MASS, LENGTH, CENTER, INERTIA = 1.0, 1.0, 0.5, 1.0  # of either link; its center of mass is half-way
MAX_SPEED_1, MAX_SPEED_2 = 4 * jnp.pi, 9 * jnp.pi


class AcrobotState(NamedTuple):
    """Angle of the first link (radians, 0 = hanging), of the second against the first, and both angular velocities."""

    angle_1: Float[Array, ""]
    angle_2: Float[Array, ""]
    velocity_1: Float[Array, ""]
    velocity_2: Float[Array, ""]


class Acrobot(AbstractEnvironment[AcrobotState]):
    """Observation (cos, sin of both angles, both velocities); actions 0, 1, 2: torque -1, 0, 1; reward -1 a step, 0 on the last.

    Terminates where the tip is more than one link's length above the pivot; the time limit is 500 steps.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["Acrobot-v1"])

    def initial_state(self, key: Key[Array, ""]) -> AcrobotState:
        """Each coordinate uniform in [-0.1, 0.1]."""
        return AcrobotState(*jax.random.uniform(key, (4,), minval=-0.1, maxval=0.1))

    def observe(self, state: AcrobotState) -> Float[Array, " 6"]:
        cosines_and_sines = [jnp.cos(state.angle_1), jnp.sin(state.angle_1), jnp.cos(state.angle_2), jnp.sin(state.angle_2)]
        return jnp.stack([*cosines_and_sines, state.velocity_1, state.velocity_2])

    def transition(self, key: Key[Array, ""], state: AcrobotState, action: Int[Array, ""]) -> Transition:
        del key
        angle_1, angle_2, velocity_1, velocity_2 = _runge_kutta(jnp.stack(state), action - 1.0)
        after = AcrobotState(
            _wrap(angle_1),
            _wrap(angle_2),
            jnp.clip(velocity_1, -MAX_SPEED_1, MAX_SPEED_1),
            jnp.clip(velocity_2, -MAX_SPEED_2, MAX_SPEED_2),
        )
        terminated = -jnp.cos(after.angle_1) - jnp.cos(after.angle_1 + after.angle_2) > 1.0
        return Transition(after, jnp.where(terminated, jnp.zeros_like(velocity_1), -1.0), terminated)

    def state_from_observation(self, observation: Float[Array, " 6"]) -> AcrobotState:
        """The angles in [-pi, pi], which is where the environment keeps them."""
        cos_1, sin_1, cos_2, sin_2, velocity_1, velocity_2 = observation
        return AcrobotState(jnp.arctan2(sin_1, cos_1), jnp.arctan2(sin_2, cos_2), velocity_1, velocity_2)


def _runge_kutta(state: Float[Array, " 4"], torque: Float[Array, ""]) -> Float[Array, " 4"]:
    """One classical fourth-order step; the torque is held."""
    k1 = _rates(state, torque)
    k2 = _rates(state + TIME_STEP / 2 * k1, torque)
    k3 = _rates(state + TIME_STEP / 2 * k2, torque)
    k4 = _rates(state + TIME_STEP * k3, torque)
    return state + TIME_STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _rates(state: Float[Array, " 4"], torque: Float[Array, ""]) -> Float[Array, " 4"]:
    """Time derivative of (angle_1, angle_2, velocity_1, velocity_2), from the manipulator equations.

    [d1 d2; d2 d3] (accelerations) = -(phi1, phi2) + (0, torque - Coriolis of the elbow), solved by eliminating the shoulder.
    """
    angle_1, angle_2, velocity_1, velocity_2 = state
    swing = MASS * LENGTH * CENTER * jnp.sin(angle_2)
    coupling = LENGTH * CENTER * jnp.cos(angle_2)
    d1 = MASS * CENTER**2 + MASS * (LENGTH**2 + CENTER**2 + 2 * coupling) + 2 * INERTIA
    d2 = MASS * (CENTER**2 + coupling) + INERTIA
    d3 = MASS * CENTER**2 + INERTIA
    phi2 = MASS * CENTER * GRAVITY * jnp.sin(angle_1 + angle_2)
    gravity_1 = MASS * (CENTER + LENGTH) * GRAVITY * jnp.sin(angle_1) + phi2
    phi1 = gravity_1 - swing * velocity_2 * (velocity_2 + 2 * velocity_1)
    acceleration_2 = (torque + d2 / d1 * phi1 - swing * velocity_1**2 - phi2) / (d3 - d2**2 / d1)
    acceleration_1 = -(d2 * acceleration_2 + phi1) / d1
    return jnp.stack([velocity_1, velocity_2, acceleration_1, acceleration_2])


def _wrap(angle: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.mod(angle + jnp.pi, 2 * jnp.pi) - jnp.pi

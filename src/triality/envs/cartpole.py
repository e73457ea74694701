"""Gymnasium's CartPole-v1 as pure functions: keep a pole upright on a cart by pushing the cart left or right.

Dynamics, reward and start law: ``gymnasium/envs/classic_control/cartpole.py`` (1.4), after Barto, Sutton & Anderson (1983).
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

GRAVITY, CART_MASS, POLE_MASS, HALF_LENGTH, FORCE, TIME_STEP = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
TOTAL_MASS = CART_MASS + POLE_MASS
MAX_POSITION, MAX_ANGLE = 2.4, 12 * 2 * jnp.pi / 360


class CartPoleState(NamedTuple):
    """Cart position and velocity (meters), pole angle and angular velocity (radians, 0 = upright)."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]
    angle: Float[Array, ""]
    spin: Float[Array, ""]


class CartPole(AbstractEnvironment[CartPoleState]):
    """Observation (position, velocity, angle, spin); action 0 pushes left, 1 pushes right; reward 1 a step.

    Terminates where the cart leaves [-2.4, 2.4] or the pole [-12, 12] degrees; the time limit is 500 steps.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["CartPole-v1"])

    def initial_state(self, key: Key[Array, ""]) -> CartPoleState:
        """Each coordinate uniform in [-0.05, 0.05]."""
        return CartPoleState(*jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05))

    def observe(self, state: CartPoleState) -> Float[Array, " 4"]:
        return jnp.stack(state)

    def transition(self, key: Key[Array, ""], state: CartPoleState, action: Int[Array, ""]) -> Transition:
        """One explicit Euler step: positions move with the old velocities."""
        del key
        sine, cosine = jnp.sin(state.angle), jnp.cos(state.angle)
        force = jnp.where(action == 1, FORCE, -FORCE)
        pull = (force + POLE_MASS * HALF_LENGTH * state.spin**2 * sine) / TOTAL_MASS
        spin_rate = (GRAVITY * sine - cosine * pull) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cosine**2 / TOTAL_MASS))
        acceleration = pull - POLE_MASS * HALF_LENGTH * spin_rate * cosine / TOTAL_MASS
        after = CartPoleState(
            state.position + TIME_STEP * state.velocity,
            state.velocity + TIME_STEP * acceleration,
            state.angle + TIME_STEP * state.spin,
            state.spin + TIME_STEP * spin_rate,
        )
        terminated = (jnp.abs(after.position) > MAX_POSITION) | (jnp.abs(after.angle) > MAX_ANGLE)
        return Transition(after, jnp.ones_like(after.position), terminated)

    def state_from_observation(self, observation: Float[Array, " 4"]) -> CartPoleState:
        """The observation is the state."""
        return CartPoleState(*observation)

"""Gymnasium's MountainCar-v0 and MountainCarContinuous-v0: an underpowered car rocks itself out of a valley.

Dynamics, rewards and start law: ``gymnasium/envs/classic_control/mountain_car.py`` and ``continuous_mountain_car.py`` (1.4), after
Moore (1990). Both share the road and differ in the engine, the goal and the reward.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

MIN_POSITION, MAX_POSITION, MAX_SPEED, GRAVITY = -1.2, 0.6, 0.07, 0.0025


class CarState(NamedTuple):
    """Position along the road (the valley's floor is near -0.52) and velocity a step."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]


class MountainCar(AbstractEnvironment[CarState]):
    """Observation (position, velocity); actions 0, 1, 2 push left, not at all, right; reward -1 a step.

    Terminates at position >= 0.5, rolling forward or resting; the time limit is 200 steps.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["MountainCar-v0"])

    def initial_state(self, key: Key[Array, ""]) -> CarState:
        """At rest, position uniform in [-0.6, -0.4]."""
        return _at_rest(key)

    def observe(self, state: CarState) -> Float[Array, " 2"]:
        return jnp.stack(state)

    def transition(self, key: Key[Array, ""], state: CarState, action: Int[Array, ""]) -> Transition:
        del key
        after = _roll(state, 0.001 * (action - 1))
        return Transition(after, -jnp.ones_like(after.position), (after.position >= 0.5) & (after.velocity >= 0.0))

    def state_from_observation(self, observation: Float[Array, " 2"]) -> CarState:
        """The observation is the state."""
        return CarState(*observation)


class MountainCarContinuous(AbstractEnvironment[CarState]):
    """Observation (position, velocity); action: force in [-1, 1]; reward 100 at the goal, minus 0.1 force^2.

    The engine clips the force, the reward does not, as in Gymnasium. Terminates at position >= 0.45, rolling forward or resting; the
    time limit is 999 steps. Gymnasium keeps this state in float32, and this class in whatever precision it is run.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["MountainCarContinuous-v0"])

    def initial_state(self, key: Key[Array, ""]) -> CarState:
        """At rest, position uniform in [-0.6, -0.4]."""
        return _at_rest(key)

    def observe(self, state: CarState) -> Float[Array, " 2"]:
        return jnp.stack(state)

    def transition(self, key: Key[Array, ""], state: CarState, action: Float[Array, " 1"]) -> Transition:
        del key
        after = _roll(state, 0.0015 * jnp.clip(action[0], -1.0, 1.0))
        terminated = (after.position >= 0.45) & (after.velocity >= 0.0)
        return Transition(after, jnp.where(terminated, 100.0, 0.0) - 0.1 * action[0] ** 2, terminated)

    def state_from_observation(self, observation: Float[Array, " 2"]) -> CarState:
        """The observation is the state."""
        return CarState(*observation)


def _at_rest(key: Key[Array, ""]) -> CarState:
    position = jax.random.uniform(key, (), minval=-0.6, maxval=-0.4)
    return CarState(position, jnp.zeros_like(position))


def _roll(state: CarState, push: Float[Array, ""]) -> CarState:
    """One step on the road sin(3 x); the left wall stops the car, and the right edge holds its position but not its velocity."""
    velocity = jnp.clip(state.velocity + push - GRAVITY * jnp.cos(3 * state.position), -MAX_SPEED, MAX_SPEED)
    position = jnp.clip(state.position + velocity, MIN_POSITION, MAX_POSITION)
    return CarState(position, jnp.where((position == MIN_POSITION) & (velocity < 0), 0.0, velocity))

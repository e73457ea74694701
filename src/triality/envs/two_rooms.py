"""Two rooms and a door in the wall between them: a point that has to turn away from its goal to reach it.

Ours, not Gymnasium's. Position p in [-1, 1]^2, action u in [-1, 1]^2, p' = p + 0.1 u. The wall is the line x = 0 with a door at
y in [0.2, 0.6]; a step whose straight line meets the wall beside the door stops 0.01 short of it and slides along. The reward is minus
the length of the way that is left: straight to the goal (0.7, -0.6) from the right room, and from the left one through the door's
middle. Two dimensions, so a learned cost is a picture beside the true one; a straight-line cost fails here, and cloning drifts.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

STEP, CLEARANCE = 0.1, 0.01
DOOR_LOW, DOOR_HIGH, GOAL = 0.2, 0.6, (0.7, -0.6)
DOOR = (0.0, (DOOR_LOW + DOOR_HIGH) / 2)


class TwoRooms(AbstractEnvironment[Float[Array, " 2"]]):
    """Observation: the position; action: direction and length of the step, clipped. Never terminates; the time limit is 100 steps."""

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["TwoRooms-v0"])

    def initial_state(self, key: Key[Array, ""]) -> Float[Array, " 2"]:
        """Uniform in the lower part of the left room, [-0.9, -0.1] x [-0.9, 0]."""
        corner, size = jnp.array([-0.9, -0.9]), jnp.array([0.8, 0.9])
        return corner + size * jax.random.uniform(key, (2,))

    def observe(self, state: Float[Array, " 2"]) -> Float[Array, " 2"]:
        return state

    def transition(self, key: Key[Array, ""], state: Float[Array, " 2"], action: Float[Array, " 2"]) -> Transition:
        """The reward is that of the position reached."""
        del key
        wanted = jnp.clip(state + STEP * jnp.clip(action, -1.0, 1.0), -1.0, 1.0)
        stopped = wanted.at[0].set(jnp.where(_is_left(state), -CLEARANCE, CLEARANCE))
        after = jnp.where(_hits_wall(state, wanted), stopped, wanted)
        return Transition(after, -remaining_way(after), jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """The observation is the state."""
        return observation


def remaining_way(position: Float[Array, " 2"]) -> Float[Array, ""]:
    """Length of the way to the goal: straight in the right room, through the middle of the door from the left one."""
    door, goal = jnp.asarray(DOOR), jnp.asarray(GOAL)
    through_door = jnp.linalg.norm(position - door) + jnp.linalg.norm(door - goal)
    return jnp.where(_is_left(position), through_door, jnp.linalg.norm(position - goal))


def _is_left(position: Float[Array, " 2"]) -> Bool[Array, ""]:
    return position[0] < 0.0


def _hits_wall(start: Float[Array, " 2"], end: Float[Array, " 2"]) -> Bool[Array, ""]:
    """Whether the line from ``start`` to ``end`` changes rooms beside the door."""
    changes_room = _is_left(start) != _is_left(end)
    across = jnp.where(changes_room, end[0] - start[0], 1.0)
    crossing = start[1] - start[0] / across * (end[1] - start[1])
    return changes_room & ((crossing < DOOR_LOW) | (crossing > DOOR_HIGH))

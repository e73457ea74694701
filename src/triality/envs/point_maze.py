"""A point that has to go around a barrier, and the same world with the barrier's opening on the other side: rewards that must transfer.

After Fu et al. 2018, section 7.1, in the geometry of its code (``point_mass_maze``, length 0.6 m): the middle of the point moves in
[-0.05, 0.55]^2, the target is (0.3, 0.5), the barrier is y in (0.25, 0.35), swelled by the radii of wall and point. In ``PointMaze-v0`` it
stands at x > 0.15 (opening on the left), in ``PointMazeShifted-v0`` at x < 0.45 (opening on the right, half as wide). What differs from the
published world: p' = p + 0.05 u, the terminal speed of its damped point, so that the position is the whole state; square ends of the
barrier; starts spread by 0.05 m; and the effort is that of the clipped action.

A cost is learned where somebody has been. Whoever starts below the barrier and leaves by the left never shows the right-hand side, which is
the way in the shifted world; ``PointMazeAnywhere-v0`` is the first maze with starts all over the room.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import SPECS, EnvironmentSpec

STEP, LOW, HIGH = 0.05, -0.05, 0.55
BARRIER_LOW, BARRIER_HIGH = 0.25, 0.35
TARGET, START, SPREAD, EFFORT = (0.3, 0.5), (0.3, 0.0), 0.05, 1e-3


def below_the_barrier(key: Key[Array, ""]) -> Float[Array, " 2"]:
    """Uniform in a square of side 0.1 m about (0.3, 0), below the barrier in both worlds."""
    return jnp.asarray(START) + jax.random.uniform(key, (2,), minval=-SPREAD, maxval=SPREAD)


def anywhere(key: Key[Array, ""]) -> Float[Array, " 2"]:
    """Uniform in the room but for the strip of the barrier and its opening, y in (0.25, 0.35); meters."""
    x, along = jax.random.uniform(key, (2,), minval=LOW, maxval=jnp.array([HIGH, HIGH - BARRIER_HIGH + BARRIER_LOW]))
    return jnp.stack([x, jnp.where(along < BARRIER_LOW, along, along + BARRIER_HIGH - BARRIER_LOW)])


class PointMaze(AbstractEnvironment[Float[Array, " 2"]]):
    """Observation: the position; action: direction and length of the step, clipped. Never terminates; the time limit is 100 steps.

    Args:
        spec: its id and bounds.
        edge: x of the barrier's free end, in meters.
        toward: the direction of x in which the barrier goes on from there to the outer wall, 1 or -1.
        starts: draws the position that an episode begins with.

    Example:
        >>> start, up = jnp.array([0.3, 0.23]), jnp.array([0.0, 1.0])
        >>> PointMaze().transition(jax.random.key(0), start, up).state.round(2).tolist()
        [0.3..., 0.25]

    Reference: Fu, Luo, Levine, Learning robust rewards with adversarial inverse reinforcement learning, 2018, arXiv:1710.11248.
    """

    spec: EnvironmentSpec = eqx.field(static=True, default=SPECS["PointMaze-v0"])
    edge: float = eqx.field(static=True, default=0.15)
    toward: float = eqx.field(static=True, default=1.0)
    starts: Callable[[Key[Array, ""]], Float[Array, " 2"]] = eqx.field(static=True, default=below_the_barrier)

    def initial_state(self, key: Key[Array, ""]) -> Float[Array, " 2"]:
        """By the law of starts."""
        return self.starts(key)

    def observe(self, state: Float[Array, " 2"]) -> Float[Array, " 2"]:
        return state

    def transition(self, key: Key[Array, ""], state: Float[Array, " 2"], action: Float[Array, " 2"]) -> Transition:
        """The reward, -|p - target| - 0.001 |u|^2, is that of the position before the step, as published."""
        del key
        action = jnp.clip(action, -1.0, 1.0)
        reward = -jnp.linalg.norm(state - jnp.asarray(TARGET)) - EFFORT * jnp.sum(action**2)
        after = slide_around(state, STEP * action, self.edge, self.toward)
        return Transition(jnp.clip(after, LOW, HIGH), reward, jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """The observation is the state."""
        return observation


def point_maze_shifted() -> PointMaze:
    """``PointMazeShifted-v0``: the opening is on the right, so that the way that was right before ends at the wall."""
    return PointMaze(SPECS["PointMazeShifted-v0"], edge=0.45, toward=-1.0)


def point_maze_anywhere() -> PointMaze:
    """``PointMazeAnywhere-v0``: the barrier of ``PointMaze-v0``, and starts on both sides of it, to the left and to the right."""
    return PointMaze(SPECS["PointMazeAnywhere-v0"], starts=anywhere)


def slide_around(start: Float[Array, " 2"], move: Float[Array, " 2"], edge: float, toward: float) -> Float[Array, " 2"]:
    """Where a point ends that moves at constant velocity for one unit of time and slides along the barrier while that is in its way.

    Exact for moves shorter than the barrier is thick: with depth d = toward (x - edge), positive beside the barrier, the point meets a long
    side where it reaches y = 0.25 from below or y = 0.35 from above at d > 0, and the end where it reaches d = 0 between them. It leaves a
    side once the other coordinate has passed the corner, and moves freely in the time that remains.
    """
    wanted = start + move
    depth, depth_move, depth_wanted = toward * (start[0] - edge), toward * move[0], toward * (wanted[0] - edge)
    side = jnp.where(move[1] > 0, BARRIER_LOW, BARRIER_HIGH)
    reaches_side = jnp.where(move[1] > 0, (start[1] <= side) & (side < wanted[1]), (wanted[1] < side) & (side <= start[1]))
    depth_there = depth + _share(side - start[1], move[1]) * depth_move
    meets_side = reaches_side & ((depth_there > 0) | ((depth_there == 0) & (depth_wanted > 0)))
    time_beyond_corner = jnp.where(depth_wanted < 0, _share(depth_wanted, depth_move), 0.0)
    y = jnp.where(meets_side, side + time_beyond_corner * move[1], wanted[1])

    height_there = start[1] + _share(-depth, depth_move) * move[1]
    meets_end = (depth <= 0) & (depth_wanted > 0) & (height_there > BARRIER_LOW) & (height_there < BARRIER_HIGH)
    beyond = jnp.where(move[1] > 0, jnp.maximum(wanted[1] - BARRIER_HIGH, 0.0), jnp.minimum(wanted[1] - BARRIER_LOW, 0.0))
    x = jnp.where(meets_end, edge + _share(beyond, move[1]) * move[0], wanted[0])
    return jnp.stack([x, y])


def _share(part: Float[Array, ""], whole: Float[Array, ""]) -> Float[Array, ""]:
    """part / whole, and 0 where there is no whole: whoever does not move crosses nothing."""
    return jnp.where(whole == 0, 0.0, part / jnp.where(whole == 0, 1.0, whole))

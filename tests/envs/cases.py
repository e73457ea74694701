"""The table of cases: every environment and every wrapper, by the name that a failing test prints."""

import jax
import jax.numpy as jnp

from triality.envs.absorbing import Absorbing
from triality.envs.acrobot import Acrobot
from triality.envs.cartpole import CartPole
from triality.envs.gridworld import gridworld
from triality.envs.mountain_car import MountainCar, MountainCarContinuous
from triality.envs.pendulum import Pendulum
from triality.envs.point_mass import PointMass
from triality.envs.point_maze import PointMaze, point_maze_anywhere, point_maze_shifted
from triality.envs.time_observation import TimeObservation
from triality.envs.two_rooms import TwoRooms

QUICK = {"xla_backend_optimization_level": 0}  # many programs that run once: compiling them is what takes the time

BARE = {
    "pendulum": Pendulum(),
    "cartpole": CartPole(),
    "mountain-car": MountainCar(),
    "mountain-car-continuous": MountainCarContinuous(),
    "acrobot": Acrobot(),
    "point-mass": PointMass(),
    "two-rooms": TwoRooms(),
    "point-maze": PointMaze(),
    "point-maze-shifted": point_maze_shifted(),
    "point-maze-anywhere": point_maze_anywhere(),
    "gridworld": gridworld(),
}
CASES = BARE | {
    "absorbing-cartpole": Absorbing(CartPole()),
    "timed-pendulum": TimeObservation(Pendulum()),
    "absorbing-timed-cartpole": Absorbing(TimeObservation(CartPole())),
    "timed-absorbing-cartpole": TimeObservation(Absorbing(CartPole())),
    "timed-gridworld": TimeObservation(gridworld()),
}


def uniform_actions(key, spec, shape, beyond=1.0):
    """Actions uniform on the action set; ``beyond`` > 1 reaches outside of a box, so that clipping is met."""
    if spec.is_discrete:
        return jax.random.randint(key, shape, 0, spec.num_actions)
    low, high = jnp.array(spec.action_low), jnp.array(spec.action_high)
    return beyond * (low + (high - low) * jax.random.uniform(key, (*shape, spec.action_size)))

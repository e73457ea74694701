"""What uniformly random actions earn: reproduces the table in ``triality.data.reference_returns``.

    python benchmarks/reference_returns.py                 # every environment
    python benchmarks/reference_returns.py Pendulum-v1     # one of them
    python benchmarks/reference_returns.py --check         # exit code 1 where the stored table differs

In Gymnasium itself (100 episodes, reset seeds 0-99, actions from numpy's default_rng(0)) where it has the environment; in the compiled
environment (100 keys split from key 0, float32) where it is ours.
"""

import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np

from triality.data.reference_returns import RANDOM_RETURNS, ReferenceReturn
from triality.envs.check import random_action
from triality.envs.environment import AbstractEnvironment
from triality.envs.gridworld import gridworld
from triality.envs.gymnasium_eval import evaluate_in_gymnasium, uniform_actions
from triality.envs.point_mass import PointMass
from triality.envs.point_maze import PointMaze, point_maze_anywhere, point_maze_shifted
from triality.envs.two_rooms import TwoRooms
from triality.specs import MUJOCO_SPECS, SPECS, EnvironmentSpec

NUM_EPISODES = 100
ALL = {**SPECS, **MUJOCO_SPECS}
OURS = {
    "PointMass-v0": PointMass,
    "TwoRooms-v0": TwoRooms,
    "PointMaze-v0": PointMaze,
    "PointMazeShifted-v0": point_maze_shifted,
    "PointMazeAnywhere-v0": point_maze_anywhere,
    "Gridworld-v0": gridworld,
}


def in_gymnasium(spec: EnvironmentSpec) -> np.ndarray:
    return evaluate_in_gymnasium(spec.name, uniform_actions(spec), NUM_EPISODES)


def in_ours(env: AbstractEnvironment) -> np.ndarray:
    """None of ours terminates, so a plain scan over the time limit is an episode."""

    def episode(key):
        key_start, key_steps = jax.random.split(key)

        def step(state, key):
            key_action, key_step = jax.random.split(key)
            after = env.transition(key_step, state, random_action(key_action, env.spec))
            return after.state, after.reward

        return jnp.sum(jax.lax.scan(step, env.initial_state(key_start), jax.random.split(key_steps, env.spec.time_limit))[1])

    return np.asarray(jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), NUM_EPISODES)))


def measure(name: str) -> ReferenceReturn:
    returns = in_ours(OURS[name]()) if name in OURS else in_gymnasium(ALL[name])
    return ReferenceReturn(round(float(returns.mean()), 4), round(float(returns.std(ddof=1) / np.sqrt(NUM_EPISODES)), 4))


def main() -> int:
    parser = argparse.ArgumentParser(description="Returns of uniformly random actions.")
    parser.add_argument("environments", nargs="*", metavar="ENV", help="ids; all of them by default")
    parser.add_argument("--check", action="store_true", help="compare with the stored table")
    arguments = parser.parse_args()
    names = arguments.environments or list(ALL)
    if unknown := sorted(set(names) - set(ALL)):
        parser.error(f"unknown {', '.join(unknown)}; known: {', '.join(ALL)}")
    wrong = 0
    for name in names:
        measured, stored = measure(name), RANDOM_RETURNS.get(name)
        wrong += stored is None or not np.allclose(measured, stored, rtol=1e-3, atol=1e-3)
        print(f'    "{name}": ReferenceReturn({measured.mean}, {measured.stderr}),')
    return int(arguments.check and wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

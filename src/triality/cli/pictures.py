"""Arrays for the report's pictures: the learned cost beside the true one over a plane of states, and trajectories in that plane."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.algorithms.guided_cost import CostLearning, State
from triality.cli.names import Task
from triality.envs.planes import PLANES, Plane
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost

GRID = 61
NUM_LEARNED = 8


def picture_arrays(algorithm: CostLearning, states: State, task: Task) -> dict[str, np.ndarray]:
    """What ``figures.npz`` holds, of the first seed; the plane's parts are left out where the environment has no plane."""
    state = jax.tree.map(lambda leaf: leaf[0], states)
    batch = eqx.filter_jit(lambda s: algorithm.collect(jax.random.key(7), s))(state)
    arrays = {
        "rewards_learned": np.asarray(jnp.sum(batch.reward, axis=-1)),
        "rewards_demonstrations": np.asarray(jnp.sum(state.data.reward, axis=-1)),
    }
    plane = PLANES.get(task.bare.name)
    if plane is None:
        return arrays
    x, y = np.linspace(*plane.x_range, GRID), np.linspace(*plane.y_range, GRID)
    observations = plane.observations(*np.meshgrid(x, y, indexing="ij"))
    if task.is_absorbing:
        observations = np.concatenate([observations, np.zeros((*observations.shape[:2], 1))], axis=-1)
    free = slice(-NUM_LEARNED, None)
    size = task.bare.observation_size
    return {
        **arrays,
        "cost_grid": np.asarray(_cost_over(state.cost, jnp.asarray(observations, jnp.float32), task.spec)),
        "true_cost_grid": plane.true_cost(*np.meshgrid(x, y, indexing="ij")),
        "grid_x": x,
        "grid_y": y,
        "grid_x_label": np.array(plane.x_label),
        "grid_y_label": np.array(plane.y_label),
        "cost_grid_note": np.array("averaged over the actions"),
        "demonstrations": _in_plane(plane, state.data.observation[:NUM_LEARNED, :-1, :size]),
        "learned": _in_plane(plane, batch.observation[free, :-1, :size]),
    }


def _cost_over(cost: StepCost, observations: jax.Array, spec: EnvironmentSpec) -> jax.Array:
    """Learned cost, averaged over all actions, or over nine along each coordinate of the box."""
    if spec.is_discrete:
        actions = jnp.arange(spec.num_actions)
    else:
        axes = [jnp.linspace(low, high, 9) for low, high in zip(spec.action_low, spec.action_high, strict=True)]
        actions = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, spec.action_size)
    over_actions = jax.vmap(lambda x: jnp.mean(jax.vmap(lambda u: cost(x, u))(actions)))
    return eqx.filter_jit(jax.vmap(over_actions))(observations)


def _in_plane(plane: Plane, observations: jax.Array) -> np.ndarray:
    return np.stack(plane.coordinates(np.asarray(observations, float)), axis=-1)

"""Arrays for the report's pictures: the learned cost beside the true one over a plane of states, and trajectories in that plane."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from triality.algorithms.cost_learning import State
from triality.cli.names import Task
from triality.envs.planes import PLANES, Plane
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost, Trajectory

GRID = 61
NUM_LEARNED = 8


def picture_arrays(state: State, batch: Trajectory, task: Task) -> dict[str, np.ndarray]:
    """What ``figures.npz`` holds, of one seed and its roll-outs; the plane's parts are left out where the environment has no plane."""
    drawn = freely_begun(batch)
    arrays = {
        "rewards_learned": np.asarray(jnp.sum(drawn.reward, axis=-1)),
        "rewards_demonstrations": np.asarray(jnp.sum(state.data.reward, axis=-1)),
    }
    plane = PLANES.get(task.bare.name)
    if plane is None:
        return arrays
    x, y = np.linspace(*plane.x_range, GRID), np.linspace(*plane.y_range, GRID)
    observations = plane.observations(*np.meshgrid(x, y, indexing="ij"))
    if task.is_absorbing:
        observations = np.concatenate([observations, np.zeros((*observations.shape[:2], 1))], axis=-1)
    return {
        **arrays,
        "cost_grid": np.asarray(_cost_over(state.cost, jnp.asarray(observations, jnp.float32), task.spec)),
        "true_cost_grid": plane.true_cost(*np.meshgrid(x, y, indexing="ij")),
        "grid_x": x,
        "grid_y": y,
        "grid_x_label": np.array(plane.x_label),
        "grid_y_label": np.array(plane.y_label),
        "cost_grid_note": np.array("averaged over the actions"),
        "demonstrations": paths(plane, state.data, task)[:NUM_LEARNED],
        "learned": paths(plane, drawn, task)[:NUM_LEARNED],
    }


def freely_begun(batch: Trajectory) -> Trajectory:
    """The roll-outs that begin at the environment's start law: those with start index -1, or all where none was begun elsewhere.

    The others begin where the demonstrations begin, so their returns are those of a handful of starts, over and over.
    """
    free = np.asarray(batch.start) == -1
    return jax.tree.map(lambda leaf: leaf[free], batch) if free.any() else batch


def paths(plane: Plane, batch: Trajectory, task: Task) -> Float[np.ndarray, "n time 2"]:
    """Trajectories in the plane; NaN on padding and in the absorbing state, which is nowhere in it."""
    observation = np.asarray(batch.observation, float)[:, :-1]
    shown = np.asarray(batch.mask)
    if task.is_absorbing:
        shown = shown & (observation[..., -1] != 1)
    points = np.stack(plane.coordinates(observation[..., : task.bare.observation_size]), axis=-1)
    return np.where(shown[..., None], points, np.nan)


def _cost_over(cost: StepCost, observations: jax.Array, spec: EnvironmentSpec) -> jax.Array:
    """Learned cost, averaged over all actions, or over nine along each coordinate of the box."""
    if spec.is_discrete:
        actions = jnp.arange(spec.num_actions)
    else:
        axes = [jnp.linspace(low, high, 9) for low, high in zip(spec.action_low, spec.action_high, strict=True)]
        actions = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, spec.action_size)
    over_actions = jax.vmap(lambda x: jnp.mean(jax.vmap(lambda u: cost(x, u))(actions)))
    return eqx.filter_jit(jax.vmap(over_actions))(observations)

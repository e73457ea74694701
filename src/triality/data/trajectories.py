"""Demonstrations as the padded batch that every ``update`` takes."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from triality.data.demonstrations import Demonstrations
from triality.errors import DataError
from triality.trajectory import Trajectory


def to_trajectories(demonstrations: Demonstrations, horizon: int, time_limit: int | None = None) -> Trajectory:
    """A batch of E trajectories, each padded to ``horizon`` steps.

    The last observation is the last of ``next_observations``; where that was not recorded, the last observation is repeated, so a
    cost of (x_t, u_t) sees only recorded pairs either way. Padding repeats the last observation and the last action, so that
    whatever is evaluated there and then masked is finite. Rewards and log-probabilities that were not recorded are zero.

    End flags: as recorded; if only one of the two was, the other follows from it; if none was, an episode shorter than the time limit
    ended by termination, and one that reached it was cut.

    Weights are no field of a trajectory: ``demonstrations.log_weights`` holds them for ``Samples``.

    Args:
        demonstrations: E checked trajectories.
        horizon: T.
        time_limit: the environment's time limit, for the rule above; ``horizon`` where ``None``.

    Returns:
        Leaves with a leading axis of E; ``start`` is the index of the trajectory.

    Raises:
        DataError: a trajectory is longer than ``horizon``; nothing is cut silently.
    """
    longest = int(demonstrations.lengths.max())
    if longest > horizon:
        raise DataError(f"expected trajectories of at most {horizon} steps (the horizon), got {longest}; use a longer horizon")
    lengths, steps = demonstrations.lengths, np.arange(horizon)
    starts = np.cumsum(lengths) - lengths
    mask = steps < lengths[:, None]
    index = starts[:, None] + np.minimum(steps, lengths[:, None] - 1)
    terminated, truncated = _end_flags(demonstrations, horizon if time_limit is None else time_limit)
    is_last = steps == lengths[:, None] - 1
    return Trajectory(
        observation=jnp.asarray(_padded_observations(demonstrations, index, mask), float),
        action=jnp.asarray(demonstrations.actions[index], int if demonstrations.is_discrete else float),
        log_prob=_masked(demonstrations.log_prob, index, mask),
        mask=jnp.asarray(mask),
        terminated=jnp.asarray(is_last & terminated[:, None]),
        truncated=jnp.asarray(is_last & truncated[:, None]),
        reward=_masked(demonstrations.rewards, index, mask),
        start=jnp.arange(demonstrations.num_trajectories),
    )


def _padded_observations(
    demonstrations: Demonstrations, index: Int[np.ndarray, "n time"], mask: Bool[np.ndarray, "n time"]
) -> Float[np.ndarray, "n time_plus_1 obs"]:
    ends = index[:, -1]
    after = demonstrations.observations if demonstrations.next_observations is None else demonstrations.next_observations
    last = after[ends][:, None]
    seen = np.where(mask[..., None], demonstrations.observations[index], last)
    return np.concatenate([seen, last], axis=1)


def _end_flags(demonstrations: Demonstrations, time_limit: int) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    ends = np.cumsum(demonstrations.lengths) - 1
    terminated = None if demonstrations.terminated is None else demonstrations.terminated[ends]
    truncated = None if demonstrations.truncated is None else demonstrations.truncated[ends]
    if terminated is None:
        terminated = demonstrations.lengths < time_limit if truncated is None else ~truncated
    return terminated, ~terminated if truncated is None else truncated


def _masked(values: Float[np.ndarray, " steps"] | None, index: Int[np.ndarray, "n time"], mask: Bool[np.ndarray, "n time"]):
    return jnp.zeros(mask.shape) if values is None else jnp.asarray(np.where(mask, values[index], 0.0), float)

"""Demonstrated transitions, and their starts, to be drawn by weight: what an off-policy algorithm sees of the demonstrations."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.trajectory import Trajectory
from triality.updates.transition_buffer import Transition


class KnownTransitions(NamedTuple):
    """Demonstrations as transitions.

    Fields:
        data: trajectories, padded.
        up_to: cumulated weights of all steps, flattened, in trajectories times steps; zero weight on padding.
        starts_up_to: cumulated weights of the trajectories.
    """

    data: Trajectory
    up_to: Float[Array, " steps"]
    starts_up_to: Float[Array, " n"]

    def draw(self, key: Key[Array, ""], num: int) -> Transition:
        """``num`` transitions, with replacement, each step by the weight of its trajectory; padding never."""
        index = _drawn(key, self.up_to, num)
        row, step = jnp.divmod(index, self.data.mask.shape[1])
        observation, ended = self.data.observation, self.data.terminated
        return Transition(observation[row, step], self.data.action[row, step], observation[row, step + 1], ended[row, step])

    def starts(self, key: Key[Array, ""], num: int) -> Float[Array, "num obs"]:
        """``num`` first observations, with replacement, by the weight of their trajectories."""
        return self.data.observation[_drawn(key, self.starts_up_to, num), 0]


def known_transitions(data: Trajectory, log_weight: Float[Array, " n"] | None = None) -> KnownTransitions:
    """The real steps of demonstrations, of which there has to be one; all trajectories weigh alike if ``log_weight`` is None.

    Example:
        >>> x = jnp.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [0.0]]])
        >>> mask, no, flat = jnp.array([[True, True], [True, False]]), jnp.zeros((2, 2), bool), jnp.zeros((2, 2))
        >>> ended = no.at[1, 0].set(True)
        >>> known = known_transitions(Trajectory(x, flat.astype(int), flat, mask, ended, no, flat, jnp.zeros(2, int)))
        >>> part = known.draw(jax.random.key(0), 200)
        >>> sorted(set(part.observation[:, 0].tolist())), part.observation[part.terminated].max().item()
        ([1.0, 2.0, 4.0], 4.0)
    """
    weight = jnp.zeros(data.start.shape) if log_weight is None else log_weight
    share = jnp.exp(weight - jnp.max(weight))
    steps = jnp.where(data.mask, share[:, None], 0.0).reshape(-1)
    return KnownTransitions(data, jnp.cumsum(steps), jnp.cumsum(share))


def _drawn(key: Key[Array, ""], up_to: Float[Array, " n"], num: int) -> Array:
    """Indices by inverting the distribution function; a step without weight repeats the one before it and is not found."""
    at = jax.random.uniform(key, (num,), up_to.dtype) * up_to[-1]
    return jnp.minimum(jnp.searchsorted(up_to, at, side="right"), jnp.searchsorted(up_to, up_to[-1], side="left"))

"""The ring holds the latest real steps and nothing else, whatever the batches; it is compared with a list that forgets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.specs import EnvironmentSpec
from triality.trajectory import Trajectory
from triality.updates.transition_buffer import TransitionBuffer, draw, empty_buffer, put_in

BOX = EnvironmentSpec("box", 1, action_size=1, action_low=(-1.0,), action_high=(1.0,))
STEPS = 3
put = jax.jit(put_in)


def batch_of(first: float, lengths) -> Trajectory:
    """Episodes whose k-th real step has observation k and action -k, counted on from ``first``; padding is NaN."""
    mask = np.arange(STEPS) < np.asarray(lengths)[:, None]
    value = np.where(mask, first + np.cumsum(mask).reshape(mask.shape) - 1, np.nan)
    after = value + 0.5
    observation = np.concatenate([value, np.full((len(mask), 1), np.nan)], axis=1)
    observation[np.arange(len(mask)), lengths] = after[np.arange(len(mask)), np.asarray(lengths) - 1]
    ends = mask & (np.cumsum(mask, axis=1) == np.asarray(lengths)[:, None])
    nothing = jnp.zeros(mask.shape)
    arrays = (observation[..., None], -value[..., None], nothing, mask, ends, ~mask & mask, nothing, np.zeros(len(mask), int))
    return Trajectory(*(jnp.asarray(each) for each in arrays))


def kept(buffer: TransitionBuffer) -> list[float]:
    return np.asarray(buffer.kept.action[: int(buffer.num_kept), 0]).tolist()


@pytest.mark.parametrize("capacity", [4, 5, 7, 100])
def test_the_latest_real_steps_are_kept(capacity):
    """Seven batches of one to six steps: past the end of the ring, exactly up to it, and more than it can hold at once."""
    buffer, all_of_them = empty_buffer(capacity, BOX), []
    for lengths in ([1, 1], [3, 3], [2, 1], [3, 2], [1, 2], [1, 1], [2, 2]):
        first = len(all_of_them)
        buffer = put(buffer, batch_of(first, lengths))
        all_of_them += [-float(first + step) for step in range(sum(lengths))]
        assert sorted(kept(buffer)) == sorted(all_of_them[-capacity:])
        assert int(buffer.next_slot) == len(all_of_them) % capacity
        assert buffer.capacity == capacity


def test_a_transition_is_kept_whole():
    """Action, observation, next observation and end of one step stay together."""
    buffer = put(put(empty_buffer(5, BOX), batch_of(1, [3, 1])), batch_of(5, [1, 3]))
    observation, action, after, terminated = (np.asarray(leaf).reshape(5, -1)[:, 0] for leaf in buffer.kept)
    np.testing.assert_array_equal(observation, -action)
    is_last = np.isin(observation, [4, 5, 8])
    np.testing.assert_array_equal(terminated, is_last)
    np.testing.assert_array_equal(after, np.where(is_last, observation + 0.5, observation + 1.0))


def test_padding_is_never_drawn_and_every_step_equally_often():
    """A buffer that took padding in, or drew from empty slots, would draw NaN, or zeros."""
    buffer = put(empty_buffer(64, BOX), batch_of(1, [1, 2, 3, 1]))
    drawn = jax.jit(lambda key: draw(key, buffer, 7000))(jax.random.key(0))
    values, counts = np.unique(np.asarray(drawn.observation), return_counts=True)
    np.testing.assert_array_equal(values, np.arange(1.0, 8.0))
    assert np.max(np.abs(counts - 1000)) < 5 * np.sqrt(7000 * (1 / 7) * (6 / 7))
    unmasked = put(empty_buffer(64, BOX), batch_of(1, [1, 2, 3, 1])._replace(mask=jnp.ones((4, STEPS), bool)))
    assert np.isnan(draw(jax.random.key(0), unmasked, 7000).observation).any()


def test_a_batch_of_nothing_changes_nothing():
    buffer = put(empty_buffer(5, BOX), batch_of(1, [3, 1]))
    after = put(buffer, batch_of(5, [1, 1])._replace(mask=jnp.zeros((2, STEPS), bool)))
    for one, other in zip(jax.tree.leaves(buffer), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(one, other)

"""What the run hands to the report's pictures: roll-outs from the environment's own starts, and lines that end where the episode does."""

import jax.numpy as jnp
import numpy as np
import pytest

from triality.cli.names import find_task
from triality.cli.pictures import freely_begun, paths
from triality.envs.planes import PLANES
from triality.trajectory import Trajectory


def batch(start, observation, mask=None):
    n, steps = observation.shape[0], observation.shape[1] - 1
    zeros, no = jnp.zeros((n, steps)), jnp.zeros((n, steps), bool)
    real = jnp.ones((n, steps), bool) if mask is None else mask
    return Trajectory(jnp.asarray(observation), zeros[..., None], zeros, real, no, no, zeros + jnp.arange(n)[:, None], jnp.asarray(start))


@pytest.mark.parametrize(("start", "kept"), [([0, 0, 1, 1, -1, -1], [4, 5]), ([0, 0, 0], [0, 1, 2])])
def test_only_what_begins_freely_is_compared(start, kept):
    drawn = freely_begun(batch(start, np.zeros((len(start), 3, 2))))
    assert drawn.reward[:, 0].tolist() == kept
    assert drawn.start.shape == (len(kept),)


def test_a_line_ends_where_the_episode_does():
    """Of CartPole's five coordinates the last says that it is over; the two of the plane are then zero, which is no place it went to."""
    task = find_task("CartPole-v1")
    observation = np.array([[[0, 0, 0.1, 1.0, 0], [0, 0, 0.2, 2.0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]])
    line = paths(PLANES["CartPole-v1"], batch([0], observation), task)[0]
    np.testing.assert_allclose(line[:2], [[0.1, 1.0], [0.2, 2.0]], rtol=1e-6)
    assert np.isnan(line[2:]).all()


def test_padding_is_no_place_either():
    observation = np.array([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 0.0]]])
    line = paths(PLANES["Pendulum-v1"], batch([0], observation, jnp.array([[True, False]])), find_task("Pendulum-v1"))[0]
    assert np.isfinite(line[0]).all()
    assert np.isnan(line[1]).all()

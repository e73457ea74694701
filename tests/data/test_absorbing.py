"""Padding of demonstrations with the absorbing state."""

import subprocess
import sys

import numpy as np
import pytest

from triality.data.absorbing import pad_with_absorbing
from triality.errors import DataError
from triality.specs import SPECS, EnvironmentSpec

BOX = EnvironmentSpec("Box-v0", 2, action_size=2, action_low=(-1.0, 0.0), action_high=(1.0, 5.0), time_limit=400)
SWITCH = EnvironmentSpec("Switch-v0", 1, num_actions=3, time_limit=6)


def test_two_short_episodes_by_hand():
    observations, actions = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([2, 1, 0, 2])
    padded = pad_with_absorbing(observations, actions, np.array([3, 1]), SWITCH, seed=0)
    expected = [[1, 0], [2, 0], [3, 0], [0, 1], [0, 1], [0, 1], [4, 0], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]
    np.testing.assert_array_equal(padded.observations, expected)
    np.testing.assert_array_equal(padded.actions[~padded.padded], actions)
    np.testing.assert_array_equal(padded.padded, [0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    assert padded.lengths.tolist() == [6, 6]
    assert padded.actions.dtype == actions.dtype


def test_padded_actions_are_uniform_on_the_box():
    padded = pad_with_absorbing(np.ones((20, 2)), np.full((20, 2), 0.5), np.ones(20, int), BOX, seed=1)
    drawn = padded.actions[padded.padded]
    error = 5.0 * np.array([2.0, 5.0]) / np.sqrt(12 * len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - [0.0, 2.5]) < error)
    assert np.all((drawn >= [-1.0, 0.0]) & (drawn <= [1.0, 5.0]))
    np.testing.assert_allclose(drawn.std(axis=0), np.array([2.0, 5.0]) / np.sqrt(12), rtol=0.05)


def test_padded_actions_reach_every_integer_and_follow_the_seed():
    arguments = (np.ones((200, 1)), np.zeros(200, int), np.ones(200, int), SWITCH)
    first, again, other = (pad_with_absorbing(*arguments, seed=seed) for seed in (0, 0, 1))
    counts = np.bincount(first.actions[first.padded], minlength=3)
    assert np.all(np.abs(counts / 1000 - 1 / 3) < 5 * np.sqrt(2 / 9 / 1000))
    np.testing.assert_array_equal(first.actions, again.actions)
    assert np.any(first.actions != other.actions)


def test_an_episode_of_full_length_is_left_as_it_is():
    padded = pad_with_absorbing(np.arange(6.0)[:, None], np.arange(6) % 3, np.array([6]), SWITCH, seed=0)
    assert not padded.padded.any()
    np.testing.assert_array_equal(padded.observations, [[value, 0] for value in range(6)])


def test_single_precision_stays_single():
    padded = pad_with_absorbing(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), np.array([2]), BOX, seed=0)
    assert padded.observations.dtype == padded.actions.dtype == np.float32


@pytest.mark.parametrize(
    ("observations", "actions", "lengths", "reason"),
    [
        (np.ones((3, 2)), np.zeros(3, int), [3], r"shape \(steps, 1\)"),
        (np.ones(3), np.zeros(3, int), [3], r"shape \(steps, 1\)"),
        (np.ones((3, 1)), np.zeros((3, 1), int), [3], "expected actions of shape"),
        (np.ones((3, 1)), np.zeros(2, int), [3], "expected actions of shape"),
        (np.ones((3, 1)), np.zeros(3, int), [2], "sum to the 3 steps"),
        (np.ones((3, 1)), np.zeros(3, int), [3, 0], "positive episode lengths"),
        (np.ones((7, 1)), np.zeros(7, int), [7], "at most 6 steps"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(observations, actions, lengths, reason):
    with pytest.raises(DataError, match=reason):
        pad_with_absorbing(observations, actions, np.array(lengths), SWITCH, seed=0)


def test_no_jax_is_imported():
    """The command line pads and checks demonstrations before anything heavy is loaded."""
    program = (
        "import sys; import triality.data.absorbing, triality.data.reference_returns, triality.specs, triality.envs.gymnasium_eval; "
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_cartpole_has_its_specification():
    padded = pad_with_absorbing(np.ones((27, 4)), np.zeros(27, np.int64), np.array([27]), SPECS["CartPole-v1"], seed=0)
    assert padded.observations.shape == (500, 5)

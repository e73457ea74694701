"""Demonstrations as a padded batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.data.demonstrations import Demonstrations
from triality.data.trajectories import to_trajectories
from triality.errors import DataError
from triality.trajectory import EachStep, WholeTrajectory


def demonstrations(**changes):
    fields = {
        "observations": np.array([[1.0], [2], [3], [4], [5], [6]]),
        "actions": np.array([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]]),
        "lengths": np.array([3, 1, 2]),
        "rewards": np.array([10.0, 20, 30, 40, 50, 60]),
        "log_prob": np.array([-1.0, -2, -3, -4, -5, -6]),
    }
    return Demonstrations(**(fields | changes))


def test_layout():
    batch = to_trajectories(demonstrations(), horizon=3)
    np.testing.assert_array_equal(batch.observation[..., 0], [[1, 2, 3, 3], [4, 4, 4, 4], [5, 6, 6, 6]])
    np.testing.assert_array_equal(batch.action[..., 0], [[0.1, 0.2, 0.3], [0.4, 0.4, 0.4], [0.5, 0.6, 0.6]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1], [1, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(batch.reward, [[10, 20, 30], [40, 0, 0], [50, 60, 0]])
    np.testing.assert_array_equal(batch.log_prob, [[-1, -2, -3], [-4, 0, 0], [-5, -6, 0]])
    np.testing.assert_array_equal(batch.start, [0, 1, 2])


def test_last_observation_comes_from_next_observations():
    batch = to_trajectories(demonstrations(next_observations=np.array([[2.0], [3], [3.5], [4.5], [6], [6.5]])), horizon=4)
    np.testing.assert_array_equal(batch.observation[..., 0], [[1, 2, 3, 3.5, 3.5], [4, 4.5, 4.5, 4.5, 4.5], [5, 6, 6.5, 6.5, 6.5]])


def test_end_flags_follow_the_time_limit_when_none_were_recorded():
    batch = to_trajectories(demonstrations(), horizon=3)
    np.testing.assert_array_equal(batch.terminated, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(batch.truncated, [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    longer = to_trajectories(demonstrations(), horizon=4, time_limit=3)
    np.testing.assert_array_equal(longer.truncated, [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_recorded_end_flags_win():
    terminated = np.array([False, False, True, False, False, False])
    batch = to_trajectories(demonstrations(terminated=terminated), horizon=3)
    np.testing.assert_array_equal(batch.terminated, [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(batch.truncated, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    batch = to_trajectories(demonstrations(truncated=~terminated & np.array([0, 0, 1, 1, 0, 1], bool)), horizon=3)
    np.testing.assert_array_equal(batch.terminated, [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    both = to_trajectories(demonstrations(terminated=terminated, truncated=terminated), horizon=3)
    assert int(both.terminated.sum()) == int(both.truncated.sum()) == 1


def test_nothing_is_cut_silently():
    with pytest.raises(DataError, match=r"expected trajectories of at most 2 steps \(the horizon\), got 3"):
        to_trajectories(demonstrations(), horizon=2)


def test_unknown_values_are_zero_and_discrete_actions_stay_integers():
    batch = to_trajectories(demonstrations(rewards=None, log_prob=None, actions=np.array([0, 1, 2, 0, 1, 2])), horizon=3)
    assert not batch.reward.any()
    assert not batch.log_prob.any()
    assert jnp.issubdtype(batch.action.dtype, jnp.integer)
    np.testing.assert_array_equal(batch.action, [[0, 1, 2], [0, 0, 0], [1, 2, 2]])


def test_padding_never_reaches_a_view():
    """Both views of the padded batch give the sums of the unpadded rows; weights pass to every step of a trajectory."""
    demos = demonstrations(weights=np.array([1.0, 2.0, 0.0]))
    batch = to_trajectories(demos, horizon=7)
    log_weight = jnp.asarray(demos.log_weights)
    cost = lambda x, u: 100.0 * x[0] + u[0]  # noqa: E731
    whole = WholeTrajectory().samples(batch, batch.log_prob, log_weight)
    energies = jax.vmap(WholeTrajectory().energy(cost))(whole.x)
    np.testing.assert_allclose(energies, [600.6, 400.4, 1101.1], rtol=1e-12)
    np.testing.assert_array_equal(whole.log_q, [-6, -4, -11])
    each = EachStep().samples(batch, batch.log_prob, log_weight)
    np.testing.assert_allclose(jnp.exp(each.log_weight).reshape(3, 7).sum(axis=1), [3.0, 2.0, 0.0])

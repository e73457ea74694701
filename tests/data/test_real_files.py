"""Recordings that nobody on this project made. Skipped where the folder is absent."""

import os
from pathlib import Path

import numpy as np
import pytest

from triality.data.checks import check_against
from triality.data.demonstration_file import read_demonstrations, write_demonstrations
from triality.data.trajectories import to_trajectories
from triality.errors import DataError
from triality.specs import EnvironmentSpec

FOLDER = Path(os.environ.get("TRIALITY_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
PENDULUM = EnvironmentSpec("Pendulum-v1", 3, action_size=1, action_low=(-2.0,), action_high=(2.0,), time_limit=200)
CARTPOLE = EnvironmentSpec("CartPole-v1", 4, num_actions=2, time_limit=500)
HOPPER = EnvironmentSpec("Hopper-v5", 11, action_size=3, action_low=(-1.0,) * 3, action_high=(1.0,) * 3, time_limit=1000)


def read(name):
    if not (FOLDER / name).exists():
        pytest.skip(f"{name} is not there: set TRIALITY_DATA to the folder that holds it")
    return read_demonstrations(FOLDER / name)


def test_pendulum(tmp_path):
    demos = read("demos_pendulum.npz")
    assert (demos.num_trajectories, demos.num_steps) == (100, 20_000)
    assert demos.returns().mean() == pytest.approx(-149.9, abs=0.05)
    assert check_against(demos, PENDULUM, num_demos=20).notes == ()
    batch = to_trajectories(demos.select(20, seed=0), horizon=200)
    assert batch.observation.shape == (20, 201, 3)
    assert bool(batch.truncated[:, -1].all())
    assert not bool(batch.terminated.any())
    write_demonstrations(tmp_path / "copy.npz", demos)
    np.testing.assert_array_equal(read_demonstrations(tmp_path / "copy.npz").observations, demos.observations)


def test_cartpole():
    demos = read("demos_cartpole.npz")
    assert demos.returns().mean() == pytest.approx(495.3, abs=0.05)
    assert check_against(demos, CARTPOLE).notes == ()
    batch = to_trajectories(demos, horizon=500)
    assert int(batch.terminated.sum()) == int((demos.lengths < 500).sum())
    assert int(batch.mask.sum()) == demos.num_steps
    with pytest.raises(DataError, match=r"expected continuous actions of 1 coordinates"):
        check_against(demos, PENDULUM)


def test_hopper():
    """A stochastic expert: 46 % of its action coordinates lie outside the box."""
    demos = read("demos_hopper_v5.npz")
    assert demos.returns().mean() == pytest.approx(3400.9, abs=0.05)
    with pytest.raises(DataError, match=r"got 4[56]\.\d% of the coordinates .* outside, the first at index .*; use --actions clip"):
        check_against(demos, HOPPER)
    clipped = check_against(demos, HOPPER, actions="clip").demonstrations
    assert clipped.log_prob is None
    assert np.abs(clipped.actions).max() == 1.0
    assert check_against(demos, HOPPER, actions="raw").demonstrations.log_prob is not None
    batch = to_trajectories(demos, horizon=1000)
    assert int(batch.terminated.sum()) == 14
    ends = np.cumsum(demos.lengths) - 1
    np.testing.assert_array_equal(batch.observation[:, -1], demos.next_observations[ends])

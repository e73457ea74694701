"""Episodes of different lengths are refused where whole trajectories are compared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import MatchedTrajectories, Steps, Trajectories
from triality.algorithms.starts import FreeStarts
from triality.cli.main import main
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.one_length import check_one_length
from triality.data.trajectories import to_trajectories
from triality.envs.pendulum import Pendulum
from triality.errors import DataError
from triality.policies.scaling import identity_scaling

HORIZON = 12


def demonstrations(lengths, scale=1.0):
    draw, total = np.random.default_rng(0), int(np.sum(lengths))
    angle = draw.uniform(-1, 1, size=total)
    observations = np.stack([np.cos(angle), np.sin(angle), draw.normal(size=total)], axis=1).astype(np.float32)
    return Demonstrations(observations, (scale * draw.uniform(-1, 1, size=(total, 1))).astype(np.float32), np.array(lengths))


@pytest.mark.parametrize(
    ("lengths", "said"), [([27, 500], "lengths from 27 to 500"), ([30, 30], "got length 30"), ([500, 501], "lengths from 500 to 501")]
)
def test_what_is_said(lengths, said):
    with pytest.raises(DataError, match=f"expected episodes of one length.*500 steps.*{said}.*Absorbing"):
        check_one_length(np.array(lengths), 500)
    check_one_length(np.array([500, 500]), 500)


@pytest.mark.parametrize("level", [Trajectories(4), MatchedTrajectories(4, 2)])
def test_the_library_refuses_them_at_trajectory_level(level):
    with pytest.raises(DataError, match="expected episodes of one length"):
        first_state(level, [5, HORIZON])


def test_single_steps_may_come_from_episodes_of_any_length():
    state = first_state(Steps(FreeStarts(4)), [5, HORIZON])
    assert np.asarray(state.data.mask).sum() == 5 + HORIZON


def first_state(level, lengths):
    data = to_trajectories(demonstrations(lengths), HORIZON)
    return GanGcl(Pendulum(), level).init(jax.random.key(0), data, jnp.zeros(2), scaling=identity_scaling(3))


def test_the_command_refuses_them_before_anything_is_made(tmp_path, capsys):
    write_demonstrations(tmp_path / "demos.npz", demonstrations([150, 200]))
    out = tmp_path / "run"
    assert main(["irl", "--env", "Pendulum-v1", "--demos", str(tmp_path / "demos.npz"), "--num-demos", "2", "--out", str(out)]) == 3
    message = capsys.readouterr().err
    assert "demos.npz: expected episodes of one length, that of the roll-outs (200 steps), got lengths from 150 to 200" in message
    assert "at index 0; compare single steps: --level step\n" in message
    assert not out.exists()


def test_the_check_of_a_file_tells_beforehand(tmp_path, capsys):
    for lengths, noted in (([150, 200], True), ([200, 200], False)):
        write_demonstrations(tmp_path / "demos.npz", demonstrations(lengths))
        assert main(["demos", "check", str(tmp_path / "demos.npz"), "--env", "Pendulum-v1"]) == 0
        assert ("note: lengths from 150 to 200 where roll-outs have 200 steps" in capsys.readouterr().out) == noted

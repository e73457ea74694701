"""``triality retrain --env``: a learned cost in a changed world, and the worlds that it cannot be taken to."""

import json

import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli import compiled_retrain
from triality.cli.main import main
from triality.data.reference_returns import RANDOM_RETURNS
from triality.envs.point_maze import PointMaze

TINY = ("--iterations", "1", "--episodes", "2")
ZERO = RANDOM_RETURNS["PointMazeShifted-v0"].mean


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in the maze with a state-only cost, two seeds."""
    folder = tmp_path_factory.mktemp("maze")
    return stored_run(folder / "run", folder / "demos.npz", env="PointMaze-v0", algorithm="airl", cost="state")


def test_fresh_policies_learn_and_are_judged_in_the_other_world(run, monkeypatch):
    """The twin: without ``--env`` the same command stays in the run's own world."""
    worlds = []

    def untrained(training, states, *rest):
        worlds.append(training.env)
        return states

    monkeypatch.setattr(compiled_retrain, "train_policies", untrained)
    assert main(["retrain", str(run), "--env", "PointMazeShifted-v0", "--expert-return", "-8", *TINY]) == 0
    assert main(["retrain", str(run), *TINY]) == 0
    assert [(world.spec.name, world.edge, world.toward) for world in worlds if isinstance(world, PointMaze)] == [
        ("PointMazeShifted-v0", 0.45, -1.0),
        ("PointMaze-v0", 0.15, 1.0),
    ]
    there = json.loads((run / "transfer.json").read_text())
    assert (there["learned_in"], there["env"]) == ("PointMaze-v0", "PointMazeShifted-v0")
    rows = {row["who"]: (row["return"], row["normalized"]) for row in there["rows"]}
    assert rows.pop("random actions") == (ZERO, 0.0)
    assert rows.pop("policy trained there on the true reward") == (-8.0, 1.0)
    assert len(rows) == 3
    for value, share in rows.values():
        np.testing.assert_allclose(share, (value - ZERO) / (-8.0 - ZERO))
    assert "demonstrations" in (run / "retrained.json").read_text()


def test_without_a_return_to_hold_against_nothing_is_normalized(run, monkeypatch):
    monkeypatch.setattr(compiled_retrain, "train_policies", lambda training, states, *rest: states)
    assert main(["retrain", str(run), "--env", "TwoRooms-v0", *TINY]) == 0
    rows = json.loads((run / "transfer.json").read_text())["rows"]
    assert [row["normalized"] for row in rows] == [None] * 5
    assert rows[1]["return"] is None


def test_fresh_policies_learn_at_the_temperature_asked_for(run, monkeypatch):
    """And at the run's own where none is; what is written says which it was."""
    used = []

    def untrained(training, states, *rest):
        used.append(training.update_rule.temperature)
        return states

    monkeypatch.setattr(compiled_retrain, "train_policies", untrained)
    assert main(["retrain", str(run), *TINY]) == 0
    own = json.loads((run / "retrained.json").read_text())["temperature"]
    assert main(["retrain", str(run), "--temperature", "0.25", *TINY]) == 0
    assert used == [own, 0.25] == [1.0, 0.25]
    assert json.loads((run / "retrained.json").read_text())["temperature"] == 0.25


REFUSED = {
    "other observations": (("--env", "PointMass-v0"), "observation_size 2, got 4"),
    "other actions": (("--env", "MountainCar-v0"), "num_actions 0, got 3"),
    "episodes that end": (("--env", "MountainCarContinuous-v0"), "episodes that never end, got episodes that can end"),
    "no such world": (("--env", "PointMazeShiftd-v0"), "did you mean 'PointMazeShifted-v0'"),
    "a return of nowhere": (("--expert-return", "-8"), "--env with --expert-return, got --expert-return -8 alone"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_world_that_the_cost_cannot_be_asked_about_is_refused(case, run, capsys):
    arguments, fragment = REFUSED[case]
    assert main(["retrain", str(run), *arguments]) == 2
    message = capsys.readouterr().err
    assert fragment in message
    assert not (run / "retraining").exists()

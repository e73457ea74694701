"""Gymnasium environments that the command has no table for: from demonstrations to a policy in plain numpy, and their faults."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from triality.cli.main import main
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.export.numpy_policy import NumpyPolicy

HERE = Path(__file__).parent
TINY = ["--num-demos", "4", "--num-rollouts", "4", "--iterations", "2"]


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """Steered to the origin by hand."""
    sys.path.insert(0, str(HERE))
    simulator = gymnasium.make("own_environments:OwnReach-v0")
    sys.path.remove(str(HERE))
    columns = {name: [] for name in ("observations", "actions", "rewards")}
    for seed in range(4):
        seen, _ = simulator.reset(seed=seed)
        for _ in range(20):
            action = np.clip(-4.0 * seen, -0.9, 0.9)
            after, reward, *_ = simulator.step(action)
            for name, value in zip(columns, (seen, action, reward), strict=True):
                columns[name].append(value)
            seen = after
    path = tmp_path_factory.mktemp("own") / "reach.npz"
    write_demonstrations(path, Demonstrations.from_arrays({**columns, "lengths": [20] * 4}, {}))
    return path


def learn(demos, out, name, *more):
    given = ("--env", f"own_environments:{name}", "--host", "--demos", str(demos), "--level", "step", "--out", str(out))
    return main(["irl", *given, *TINY, *more])


@pytest.mark.slow
def test_an_environment_of_ones_own_goes_all_the_way(demos, tmp_path):
    out = tmp_path / "run"
    assert learn(demos, out, "OwnReach-v0") == 0
    iqm = json.loads((out / "summary.json").read_text())["iqm"]
    assert iqm["random_return"] < iqm["expert_return"] < 0
    scale = iqm["expert_return"] - iqm["random_return"]
    assert iqm["return_normalized"] == pytest.approx((iqm["return_mean"] - iqm["random_return"]) / scale)
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    assert main(["retrain", str(out), "--episodes", "2", "--iterations", "1"]) == 0
    assert main(["export", str(out), "--out", str(tmp_path / "exported")]) == 0
    policy = NumpyPolicy.load(tmp_path / "exported")
    assert policy.act(np.zeros(policy.observation_size)).shape == (2,)


def test_what_a_failed_run_learned_is_there_to_be_used(demos, tmp_path, capsys):
    out = tmp_path / "run"
    assert learn(demos, out, "OwnFailing-v0", "--iterations", "30") != 0
    message = " ".join(capsys.readouterr().err.split())
    assert "the cable is out" in message
    assert "OwnFailing-v0, step" in message
    assert not (out / "summary.json").exists()
    assert main(["export", str(out), "--out", str(tmp_path / "exported")]) == 0
    policy = NumpyPolicy.load(tmp_path / "exported")
    assert policy.act(np.zeros(policy.observation_size)).shape == (2,)


def test_an_interrupt_leaves_what_was_learned(demos, tmp_path, monkeypatch, capsys):
    from triality.cli import host_learning

    calls, whole = [], host_learning.HostRuns._iterate

    def interrupted(self, state):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, state)

    monkeypatch.setattr(host_learning.HostRuns, "_iterate", interrupted)
    out = tmp_path / "run"
    assert learn(demos, out, "OwnReach-v0") == 130
    assert "What was learned until then" in capsys.readouterr().out
    assert main(["eval", str(out), "--episodes", "2"]) == 0


def test_demonstrations_no_better_than_random_actions_are_no_one(demos, tmp_path, capsys):
    with np.load(demos, allow_pickle=False) as file:
        columns = {name: file[name] for name in ("observations", "actions", "rewards", "lengths")}
    bad = tmp_path / "bad.npz"
    write_demonstrations(bad, Demonstrations.from_arrays({**columns, "rewards": columns["rewards"] - 100.0}, {}))
    assert learn(bad, tmp_path / "run", "OwnReach-v0") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "no better, so that returns are not normalized" in shown
    iqm = json.loads((tmp_path / "run" / "summary.json").read_text())["iqm"]
    assert iqm["return_normalized"] is None
    assert iqm["expert_return"] < -2000


def test_an_environment_that_hangs_ends_the_program(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
import numpy as np
from triality.errors import SimulatorError
from triality.simulators.gymnasium_batch import GymnasiumBatch
batch = GymnasiumBatch("own_environments:OwnHanging-v0", 3, patience=0.2)
batch.reset([0, 1, 2])
try:
    for _ in range(9):
        batch.step(np.zeros((3, 2)), np.ones(3, bool))
except SimulatorError as error:
    print(error)
batch.close()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0
    assert "step of simulator 0 to return within 0.2 s" in ended.stdout

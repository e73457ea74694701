"""Bad input: one clear error, the right exit code, before jax is imported, and no half-made folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from triality.cli.main import main

LONG_ENOUGH = {"observations": (60, 3), "actions": (60, 1), "lengths": np.array([30, 30])}


@pytest.fixture
def make(tmp_path):
    """Writes a demonstration file for Pendulum-v1, changed as told."""

    def write(**changes) -> Path:
        draw = np.random.default_rng(0)
        arrays = {
            "observations": draw.normal(size=(60, 3)).astype(np.float32),
            "actions": draw.uniform(-2, 2, size=(60, 1)).astype(np.float32),
            "lengths": np.array([30, 30]),
        }
        arrays.update(changes)
        path = tmp_path / "demos.npz"
        np.savez(path, allow_pickle=True, **{name: value for name, value in arrays.items() if value is not None})
        return path

    return write


def refused(capsys, tmp_path, code: int, *arguments: str) -> str:
    """Runs the command, checks exit code and that nothing was made, and returns the message."""
    out = tmp_path / "run"
    assert main(["irl", "--out", str(out), *arguments]) == code
    assert not out.exists()
    message = capsys.readouterr().err
    assert message.startswith("triality: ")
    assert "Traceback" not in message
    return message


DATA_CASES = {
    "wrong observation size": ({"observations": np.zeros((60, 4), np.float32)}, "3"),
    "wrong action size": ({"actions": np.zeros((60, 2), np.float32)}, "action"),
    "discrete actions": ({"actions": np.zeros(60, np.int64)}, "continuous"),
    "NaN": ({"observations": np.full((60, 3), np.nan, np.float32)}, "observations"),
    "infinity": ({"actions": np.full((60, 1), np.inf, np.float32)}, "actions"),
    "no actions": ({"actions": None}, "actions"),
    "empty": (
        {"observations": np.zeros((0, 3), np.float32), "actions": np.zeros((0, 1), np.float32), "lengths": np.zeros(0, int)},
        "expected",
    ),
    "zero-length trajectory": ({"lengths": np.array([60, 0])}, "lengths"),
    "lengths that do not add up": ({"lengths": np.array([30, 31])}, "lengths"),
    "outside the box": ({"actions": np.full((60, 1), 2.5, np.float32)}, "--actions"),
    "pickled": ({"actions": np.array([object()] * 60)}, "actions"),
}


@pytest.mark.parametrize("case", DATA_CASES)
def test_bad_demonstrations(case, make, capsys, tmp_path):
    changes, fragment = DATA_CASES[case]
    message = refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(make(**changes)), "--num-demos", "2")
    assert fragment in message


def test_missing_and_unreadable_files(capsys, tmp_path):
    assert "no.npz" in refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(tmp_path / "no.npz"))
    junk = tmp_path / "junk.npz"
    junk.write_bytes(b"not a zip at all")
    assert "junk.npz" in refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(junk))


def test_more_demonstrations_than_exist(make, capsys, tmp_path):
    message = refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(make()), "--num-demos", "3")
    assert "3" in message
    assert "2" in message


def test_the_fraction_outside_the_box_and_the_remedy_are_named(make, capsys, tmp_path):
    actions = np.zeros((60, 1), np.float32)
    actions[:15] = 2.5
    message = refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(make(actions=actions)), "--num-demos", "2")
    assert "25" in message
    assert "clip" in message
    assert "raw" in message


OPTION_CASES = {
    "unknown environment": (("--env", "Pendulum-v2"), "did you mean 'Pendulum-v1'"),
    "guided cost per step": (("--algorithm", "guided-cost", "--level", "step"), "gan-gcl per step"),
    "fusion per step": (("--level", "step", "--past-samplers", "3"), "--past-samplers 1"),
    "an objective of the other algorithm": (("--objective", "q-only"), "normalized or plain"),
    "no seeds": (("--seeds", "0"), "--seeds"),
    "a negative rate": (("--cost-learning-rate", "-1"), "--cost-learning-rate"),
}


@pytest.mark.parametrize("case", OPTION_CASES)
def test_bad_options(case, make, capsys, tmp_path):
    arguments, fragment = OPTION_CASES[case]
    environment = () if "--env" in arguments else ("--env", "Pendulum-v1")
    assert fragment in refused(capsys, tmp_path, 2, *environment, "--demos", str(make()), "--num-demos", "2", *arguments)


def test_all_wrong_options_are_listed_together(make, capsys, tmp_path):
    arguments = ("--env", "Pendulum-v1", "--demos", str(make()), "--seeds", "0", "--iterations", "0")
    message = refused(capsys, tmp_path, 2, *arguments)
    assert "--seeds" in message
    assert "--iterations" in message


def test_an_unknown_option_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["irl", "--env", "Pendulum-v1", "--demons", "x", "--out", "y"])
    assert stop.value.code == 2
    assert "--demos" in "".join(capsys.readouterr())


def test_a_full_folder_is_refused_and_left_alone(make, capsys, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for extra in ((), ("--overwrite",)):
        arguments = ["irl", "--env", "Pendulum-v1", "--demos", str(make()), "--num-demos", "2", "--out", str(out), *extra]
        assert main(arguments) == 2
        assert "mine" in capsys.readouterr().err
    assert (out / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("command", ["eval", "retrain"])
def test_a_folder_that_is_no_run(command, capsys, tmp_path):
    assert main([command, str(tmp_path / "nothing")]) in (2, 6)
    assert "nothing" in capsys.readouterr().err


def test_refusals_import_no_jax(make):
    """The reason why they are quick. The control: a program that does import it is told apart."""
    script = (
        "import sys; from triality.cli.main import main; "
        f"code = main(['irl', '--env', 'Pendulum-v1', '--demos', {str(make())!r}, '--num-demos', '9', '--out', '/nowhere/run']); "
        "sys.exit(code if 'jax' not in sys.modules else 99)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60).returncode in (3, 6)
    control = subprocess.run([sys.executable, "-c", "import sys, jax; sys.exit(99 if 'jax' in sys.modules else 0)"], timeout=120)
    assert control.returncode == 99

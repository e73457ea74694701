"""Bad input: one clear error, the right exit code, before jax is imported, and no half-made folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from triality.cli.main import main


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
    assert "demos.npz for Pendulum-v1" in message
    assert "3" in message
    assert "2" in message


def test_the_fraction_outside_the_box_and_the_remedy_are_named(make, capsys, tmp_path):
    actions = np.zeros((60, 1), np.float32)
    actions[:15] = 2.5
    message = refused(capsys, tmp_path, 3, "--env", "Pendulum-v1", "--demos", str(make(actions=actions)), "--num-demos", "2")
    assert "demos.npz for Pendulum-v1: actions: expected" in message
    assert "25.0% of the coordinates (25.0% of the steps) outside, the first at index (0, 0): 2.5" in message
    assert "clip" in message
    assert "raw" in message


CLONING = ("--algorithm", "bc")
OPTION_CASES = {
    "unknown environment": (("--env", "Pendulum-v2"), "did you mean 'Pendulum-v1'"),
    "no temperature": (("--temperature", "0"), "--temperature above 0, got 0.0"),
    "a seed below zero": (("--seed", "-5"), "got -5"),
    "a seed of more than 32 bits": (("--seed", "2147483647", "--seeds", "2"), "between 0 and 2147483646, got 2147483647"),
    "a rate that is no number": (("--policy-learning-rate", "nan"), "--policy-learning-rate between 0 and 1, got nan"),
    "cloning with a cost": ((*CLONING, "--cost", "state"), "got --cost state: it learns no cost"),
    "cloning with starts": ((*CLONING, "--starts", "matched", "--init-policy", "cloned"), "--starts matched, --init-policy cloned:"),
    "cloning with a temperature": ((*CLONING, "--temperature", "0.5", "--objective", "plain"), "--objective plain, --temperature 0.5:"),
    "cloning with a penalty": ((*CLONING, "--gradient-penalty", "0", "--past-samplers", "3"), "--gradient-penalty 0.0, --past-samplers 3:"),
    "cloning with roll-outs": ((*CLONING, "--num-rollouts", "12", "--cost-learning-rate", "0.1"), "0.1, --num-rollouts 12:"),
    "sqil with a cost": (("--algorithm", "sqil", "--cost", "state", "--max-kl", "0.1"), "got --cost state, --max-kl 0.1; leave them out"),
    "sqil of trajectories": (("--algorithm", "sqil", "--level", "trajectory"), "--level step with --algorithm sqil, got trajectory"),
    "iq-learn with a divergence": (("--algorithm", "iq-learn", "--objective", "js"), "--objective auto or v0 or value with"),
    "f-irl of pairs": (("--algorithm", "f-irl", "--cost", "constant"), "--cost state with --algorithm f-irl, got constant"),
    "f-irl with past samplers": (("--algorithm", "f-irl", "--past-samplers", "3"), "got --past-samplers 3; leave"),
    "guided cost per step": (("--algorithm", "guided-cost", "--level", "step"), "gan-gcl per step"),
    "airl of trajectories": (("--algorithm", "airl", "--level", "trajectory"), "use --algorithm gan-gcl for whole trajectories"),
    "airl with a reward of gail": (("--algorithm", "airl", "--reward", "positive"), "--reward f-log-pi, f, g-log-pi, g with"),
    "gail with a reward of airl": (("--algorithm", "gail", "--reward", "f"), "--reward positive, negative, log-odds with"),
    "airl with its entropy twice": (("--algorithm", "airl", "--temperature", "2"), "choose a --reward instead"),
    "airl with an entropy that its reward has not": (("--algorithm", "airl", "--reward", "f", "--temperature", "1"), "once or not at all"),
    "airl as a control": (("--algorithm", "airl", "--cost", "constant"), "it is no control"),
    "gail with shaping": (("--algorithm", "gail", "--shaping-discount", "0.9"), "it shapes nothing"),
    "a reward without a discriminator of steps": (("--reward", "f"), "expected --algorithm airl or gail with --reward f, got gan-gcl"),
    "a discount above one": (("--algorithm", "airl", "--shaping-discount", "1.5"), "--shaping-discount from 0 to 1, got 1.5"),
    "a temperature below zero": (("--algorithm", "gail", "--temperature", "-1"), "--temperature above 0, got -1.0"),
    "cloning with a scaling that moves": ((*CLONING, "--scaling", "running"), "got --scaling running: it learns no cost"),
    "cloning with a reward": ((*CLONING, "--reward", "f"), "got --reward f:"),
    "a tilt of nothing": (("--cost", "tilted"), "expected --init-policy cloned with --cost tilted"),
    "a tilt that moves": (("--cost", "tilted", "--init-policy", "cloned", "--scaling", "running"), "expected --scaling fitted with"),
    "airl tilted": (("--algorithm", "airl", "--cost", "tilted", "--init-policy", "cloned"), "use gan-gcl or guided-cost with it"),
    "passes of ppo with sac": (
        ("--policy-update", "sac", "--policy-epochs", "4", "--policy-minibatches", "8"),
        "expected options of --policy-update sac, got --policy-epochs 4, --policy-minibatches 8; leave them out, or set --sac-updates",
    ),
    "updates of sac with ppo": (("--sac-updates", "100"), "expected options of --policy-update ppo, got --sac-updates 100; leave it out"),
    "no updates of sac": (("--policy-update", "sac", "--sac-updates", "0"), "--sac-updates of at least 1, got 0"),
    "no passes of ppo": (("--policy-epochs", "0"), "--policy-epochs of at least 1, got 0"),
    "cloning with an update of its own": (
        (*CLONING, "--policy-update", "sac", "--sac-updates", "9"),
        "--policy-update sac, --sac-updates 9:",
    ),
    "a cost of coordinates that are not there": (("--cost-sees", "0:4"), "from 0 to 2 of Pendulum-v1, got '0:4'; write them as in 0:3"),
    "a cost of no coordinates": (("--cost-sees", "2:2"), "as coordinates from 0 to 2 of Pendulum-v1, got '2:2'"),
    "a cost of coordinates by name": (("--algorithm", "f-irl", "--cost-sees", "x"), "as coordinates from 0 to 2 of Pendulum-v1, got 'x'"),
    "coordinates of a constant": (("--cost", "constant", "--cost-sees", "0"), "expected no --cost-sees with --cost constant, got 0"),
    "cloning with coordinates of a cost": ((*CLONING, "--cost-sees", "0:2"), "got --cost-sees 0:2: it learns no cost"),
    "iq-learn with coordinates of a cost": (("--algorithm", "iq-learn", "--cost-sees", "0:2"), "got --cost-sees 0:2; leave them out"),
    "an objective of the other algorithm": (("--objective", "q-only"), "normalized or plain"),
    "no seeds": (("--seeds", "0"), "--seeds"),
    "workers of a compiled environment": (("--workers", "2"), "expected no --workers with Pendulum-v1, got 2: it is compiled; add --host"),
    "fewer than no workers": (("--host", "--workers", "-1"), "expected --workers of at least 0, got -1"),
    "fewer than no restarts": (("--host", "--max-restarts", "-1"), "expected --max-restarts of at least 0, got -1"),
    "no patience": (("--host", "--patience", "0"), "expected --patience above 0, got 0.0"),
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


def test_an_option_of_another_command_is_answered_with_the_help_of_this_one(capsys):
    with pytest.raises(SystemExit):
        main(["irl", "--env", "Pendulum-v1", "--demos", "x", "--out", "y", "--keys", "z"])
    words = "".join(capsys.readouterr())
    assert "triality demos" not in words
    assert "For full helptext, run triality irl --help" in words


def test_a_full_folder_is_refused_and_left_alone(make, capsys, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for extra in ((), ("--overwrite",)):
        arguments = ["irl", "--env", "Pendulum-v1", "--demos", str(make()), "--num-demos", "2", "--out", str(out), *extra]
        assert main(arguments) == 2
        assert "mine" in capsys.readouterr().err
    assert (out / "thesis.tex").read_text() == "years of work"


UNWRITABLE = pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder at hand that root cannot write")


@UNWRITABLE
@pytest.mark.parametrize("command", ["irl", "expert"])
def test_an_output_that_cannot_be_written_is_refused_by_trying(command, make, capsys):
    """Nobody can make /proc/x, though root has every permission there."""
    arguments = {"irl": ("--out", "/proc/x", "--demos", str(make()), "--num-demos", "2"), "expert": ("--out", "/proc/x/y.npz")}
    assert main([command, "--env", "Pendulum-v1", *arguments[command]]) == 2
    assert "expected a path that can be written" in capsys.readouterr().err


EXPERT_CASES = {
    "rate": (("--policy-learning-rate", "nan"), "--policy-learning-rate between 0 and 1, got nan"),
    "temperature": (("--temperature", "-1"), "--temperature above 0, got -1.0"),
    "episodes": (("--num-episodes", "0"), "--num-episodes of at least 1, got 0"),
    "workers": (("--workers", "3"), "expected no --workers with Pendulum-v1, got 3"),
    "roll-outs": (("--num-rollouts", "0"), "--num-rollouts of at least 1, got 0"),
    "seed": (("--seed", "-1"), "--seed between 0 and 2147483647, got -1"),
    "a folder": (("--overwrite",), "expected a file to write, got a folder"),
}


@pytest.mark.parametrize("case", EXPERT_CASES)
def test_expert_refuses_before_it_trains(case, capsys, tmp_path):
    arguments, fragment = EXPERT_CASES[case]
    out = tmp_path if case == "a folder" else tmp_path / "new" / "demos.npz"
    assert main(["expert", "--env", "Pendulum-v1", "--out", str(out), *arguments]) == 2
    message = capsys.readouterr().err
    assert fragment in message
    assert "options cannot be used" not in message
    assert list(tmp_path.iterdir()) == []


def test_expert_replaces_no_policy_unasked(capsys, tmp_path):
    (tmp_path / "policy.json").write_text("mine")
    arguments = ["expert", "--env", "Pendulum-v1", "--out", str(tmp_path / "demos.npz"), "--policy-out", str(tmp_path)]
    assert main(arguments) == 2
    assert "choose another --policy-out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["policy.json"]


LATER_CASES = {
    "retrain without episodes": (("retrain", "x", "--episodes", "0"), "--episodes of at least 1, got 0"),
    "retrain without iterations": (("retrain", "x", "--iterations", "-1"), "--iterations of at least 1, got -1"),
    "retrain at a temperature below zero": (("retrain", "x", "--temperature", "-1"), "--temperature of at least 0, got -1"),
    "retrain at no temperature": (("retrain", "x", "--temperature", "nan"), "--temperature of at least 0, got nan"),
    "retrain with a seed below zero": (("retrain", "x", "--seed", "-5"), "--seed between 0 and 2147483647, got -5"),
    "eval without episodes": (("eval", "x", "--episodes", "0"), "--episodes of at least 1, got 0"),
    "paper without draws": (("paper", "--num-draws", "0"), "--num-draws of at least 1, got 0"),
}


@pytest.mark.parametrize("case", LATER_CASES)
def test_other_commands_name_the_option_and_the_value(case, capsys):
    arguments, fragment = LATER_CASES[case]
    assert main(arguments) == 2
    assert fragment in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Foo-v1", "Tetris-v4", "Breakout-v5"])
def test_an_environment_like_none_of_ours_is_answered_without_a_guess(name, capsys, tmp_path):
    message = refused(capsys, tmp_path, 2, "--env", name, "--demos", "x.npz")
    assert "did you mean" not in message
    assert "CartPole-v1" in message


@pytest.mark.parametrize(("wrong", "right"), [("cartpole", "CartPole-v1"), ("MountainCarContinous-v0", "MountainCarContinuous-v0")])
def test_an_environment_like_one_of_ours_is_answered_with_it(wrong, right, capsys, tmp_path):
    assert f"did you mean '{right}'" in refused(capsys, tmp_path, 2, "--env", wrong, "--demos", "x.npz")


@pytest.mark.parametrize(("option", "wrong", "right"), [("algorithm", "gangcl", "gan-gcl"), ("level", "steps", "step")])
def test_a_wrong_choice_is_answered_with_the_nearest(option, wrong, right, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["irl", "--env", "Pendulum-v1", "--demos", "x", "--out", "y", f"--{option}", wrong])
    assert stop.value.code == 2
    words = " ".join("".join(capsys.readouterr()).replace("│", " ").split())
    assert f"got '{wrong}'; did you mean '{right}'? choose one of" in words


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
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60).returncode in (2, 3)
    control = subprocess.run([sys.executable, "-c", "import sys, jax; sys.exit(99 if 'jax' in sys.modules else 0)"], timeout=120)
    assert control.returncode == 99

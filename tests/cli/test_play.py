"""``triality play``: a film of a few small frames, and a caption that says what is shown."""

import shutil

import gymnasium
import numpy as np
import pytest
from PIL import Image

from tests.cli.stored_runs import stored_run
from tests.video.drawn import register
from triality.cli.main import main
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations

TINY = ("--steps", "4", "--size", "64", "--fps", "10")


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    register(monkeypatch)


def demonstrations(meta, env_id="Pendulum-v1", seeds=(11, 12), num_steps=200):
    """Constant actions, the simulator reset with ``seeds``."""
    simulator, rows = gymnasium.make(env_id), []
    action = np.array([0.5], np.float32) if env_id == "Pendulum-v1" else 1
    lengths = []
    for seed in seeds:
        observation, over, begun = simulator.reset(seed=seed)[0], False, len(rows)
        while not over and len(rows) - begun < num_steps:
            after, reward, terminated, truncated, _ = simulator.step(action)
            rows.append((observation, action, reward))
            observation, over = after, terminated or truncated
        lengths.append(len(rows) - begun)
    seen, actions, rewards = (np.array(column) for column in zip(*rows, strict=True))
    arrays = {"observations": seen.astype(np.float32), "actions": actions, "rewards": rewards.astype(np.float32), "lengths": lengths}
    return Demonstrations.from_arrays(arrays, meta)


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory):
    """A run and its demonstrations, which say how the simulators were reset."""
    folder = tmp_path_factory.mktemp("play")
    write_demonstrations(folder / "demos.npz", demonstrations({"reset_seeds": [11, 12]}))
    return stored_run(folder / "run", folder / "demos.npz")


def told(capsys):
    return " ".join(capsys.readouterr().out.split())


def size_of(path):
    with Image.open(path) as film:
        return film.n_frames, film.size[0]


def test_policy_and_demonstration_begin_alike(pendulum, capsys):
    assert main(["play", str(pendulum), *TINY]) == 0
    assert "Both begin where demonstration" in told(capsys)
    assert size_of(pendulum.parent / "run.gif") == (5, 128)
    with Image.open(pendulum.parent / "run.gif") as film:
        frame = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(frame[16:58, :64] - frame[16:58, 64:]).mean() < 3, "the pictures of the start are the same"


def test_episodes_follow_each_other(pendulum, tmp_path, capsys):
    assert main(["play", str(pendulum), "--out", str(tmp_path / "new" / "two.gif"), "--episodes", "2", "--seed", "6", *TINY]) == 0
    assert size_of(tmp_path / "new" / "two.gif") == (10, 128)
    printed = told(capsys)
    assert "demonstration 0" in printed
    assert "demonstration 1" in printed


@pytest.fixture
def not_settable(monkeypatch):
    monkeypatch.setattr("triality.cli.play.put_finder", lambda env_id: None)


def test_without_states_the_actions_are_taken_again(pendulum, tmp_path, capsys, not_settable):
    assert main(["play", str(pendulum), "--out", str(tmp_path / "film.gif"), *TINY]) == 0
    printed = told(capsys)
    assert "the actions of demonstration" in printed
    assert "departs" not in printed
    assert size_of(tmp_path / "film.gif") == (5, 128)


def test_a_wrong_reset_seed_is_noticed(pendulum, tmp_path, capsys, not_settable):
    run = _with(pendulum, tmp_path, demonstrations({"reset_seeds": [12, 11]}))
    assert main(["play", str(run), "--out", str(tmp_path / "film.gif"), *TINY]) == 0
    assert "departs from the record after 0 steps" in told(capsys)


def test_without_anything_the_policy_is_alone(pendulum, tmp_path, capsys, not_settable):
    run = _with(pendulum, tmp_path, demonstrations({}))
    assert main(["play", str(run), "--out", str(tmp_path / "film.gif"), *TINY]) == 0
    assert "meta lists no reset_seeds" in told(capsys)
    assert size_of(tmp_path / "film.gif") == (5, 64)


def test_without_the_file_the_policy_is_alone(pendulum, tmp_path, capsys):
    run = _with(pendulum, tmp_path, demonstrations({}))
    (tmp_path / "demos.npz").unlink()
    assert main(["play", str(run), "--out", str(tmp_path / "film.gif"), *TINY]) == 0
    assert "the file cannot be read" in told(capsys)
    assert size_of(tmp_path / "film.gif") == (5, 64)


def test_an_absorbing_task(tmp_path, capsys):
    """The policy sees the indicator, the simulator does not; episodes end."""
    write_demonstrations(tmp_path / "demos.npz", demonstrations({}, "CartPole-v1"))
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", env="CartPole-v1")
    assert main(["play", str(run), "--size", "64"]) == 0
    assert "Both begin" in told(capsys)
    assert 8 <= size_of(tmp_path / "run.gif")[0] <= 301


def test_refusals(pendulum, tmp_path, capsys):
    film = str(tmp_path / "film.gif")
    cases = {
        ("--out", str(tmp_path / "film.avi")): "ends in .gif or .mp4",
        ("--out", film, "--size", "10"): "at least 64",
        ("--out", film, "--episodes", "0"): "--episodes",
        ("--out", film, "--episodes", "3"): "--episodes of at most 2, one for each demonstration in",
        ("--out", film, "--seed", "9"): "5 to 6",
    }
    for arguments, fragment in cases.items():
        assert main(["play", str(pendulum), *arguments]) == 2
        assert fragment in capsys.readouterr().err
    ours = stored_run(tmp_path / "ours", tmp_path / "demos.npz", env="PointMass-v0")
    assert main(["play", str(ours), "--out", film]) == 2
    assert "report.html" in capsys.readouterr().err
    assert not (tmp_path / "film.gif").exists()


def _with(run, folder, changed):
    """The run again, its demonstrations in another file."""
    shutil.copytree(run, folder / "run")
    write_demonstrations(folder / "demos.npz", changed)
    config = folder / "run" / "config.json"
    config.write_text(config.read_text().replace(str(run.parent / "demos.npz"), str(folder / "demos.npz")))
    return folder / "run"

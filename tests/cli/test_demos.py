"""``triality demos`` and ``triality irl --demos`` on files of other formats."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from triality.cli.demos import describe, find_any_task
from triality.cli.irl import check as check_irl
from triality.cli.main import main
from triality.cli.options import IrlOptions
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.errors import ConfigError, DataError
from triality.specs import SPECS

FORMATS = Path(__file__).parent.parent / "data" / "formats"
STEPS = FORMATS / "steps.csv"


@pytest.fixture
def pendulum(tmp_path):
    """Demonstrations for Pendulum-v1 as text; a second action is outside the box."""

    def write(action=1.5):
        rows = [f"{episode},{step / 200},0.5,1.0,{action if step else 2.0},-1.0" for episode in range(2) for step in range(200)]
        path = tmp_path / "swings.txt"
        path.write_text("\n".join(["episode,obs_0,obs_1,obs_2,action_0,reward", *rows]) + "\n")
        return path

    return write


def said(capsys, *arguments, code=0):
    assert main(["demos", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return " ".join((err if code else out).replace("│", " ").split())


def test_info_says_what_is_in_it(capsys):
    text = said(capsys, "info", STEPS)
    for part in ("CSV", "episodes 3", "steps 13", "3 to 6", "3 numbers", "2 terminated, 1 truncated", "nats", "outside -1 and 1"):
        assert part in text
    assert "discrete, 0 to 2" in said(capsys, "info", FORMATS / "imitation/discrete")
    assert "environment" in said(capsys, "info", FORMATS / "minari/toy/dict-arrow-v0", "--keys", "position", "clock")


def test_info_takes_the_bounds_of_the_environment_that_the_record_names(tmp_path, capsys):
    for recorded, box in (("Pendulum-v1", "0.0% of the steps at or outside the box of Pendulum-v1"), ("Mine-v0", "outside -1 and 1")):
        path = tmp_path / f"{recorded}.npz"
        one = Demonstrations(np.zeros((4, 3)), np.full((4, 1), 1.5), np.array([4]), meta={"environment": recorded})
        write_demonstrations(path, one)
        assert box in said(capsys, "info", path)


def test_info_of_text_that_rich_would_take_for_markup(tmp_path, capsys):
    path = tmp_path / "[red]steps"
    path.write_text("episode,obs_0,action\n0,1,1\n")
    assert "[red]steps" in said(capsys, "info", path).replace(" ", "")  # a long path is wrapped anywhere


def test_the_share_of_actions_at_the_bounds():
    actions = np.array([[-1.0, 0.0], [1.5, 1.0], [0.2, 0.3], [0.0, 0.0]], np.float32)
    demos = Demonstrations(np.zeros((4, 3)), actions, np.array([3, 1]))
    rows = dict(describe(demos))
    assert rows["actions at the bounds"] == "37.5% of the coordinates, 50.0% of the steps at or outside -1 and 1"
    one = Demonstrations(np.zeros((4, 3)), actions[:, :1], np.array([3, 1]))
    assert dict(describe(one, SPECS["Pendulum-v1"]))["actions at the bounds"].startswith("0.0% of the coordinates")
    assert dict(describe(demos, SPECS["Pendulum-v1"]))["actions at the bounds"] == "not comparable: Pendulum-v1 takes 1 numbers"
    assert rows["returns"] == "not recorded"
    assert rows["ends"].startswith("not recorded")


@pytest.mark.parametrize(("to", "name"), [("npz", "new/demos.npz"), ("minari", "new/toy-v0")])
def test_convert_and_read_again(to, name, tmp_path, capsys):
    out = tmp_path / name
    assert "3 demonstrations, 13 steps" in said(capsys, "convert", STEPS, out, "--to", to)
    left, right = read_demonstrations_from(STEPS), read_demonstrations_from(out)
    assert left.columns().keys() == right.columns().keys()
    for key, array in left.columns().items():
        np.testing.assert_array_equal(array, right.columns()[key], err_msg=key)
    assert right.meta == left.meta
    assert "expected a new" in said(capsys, "convert", STEPS, out, "--to", to, code=2)


def test_convert_leaves_out_what_is_too_short(tmp_path, capsys):
    lengths = read_demonstrations_from(STEPS).lengths
    least = int(lengths.max())
    assert lengths.min() < least
    shorter = f"{int((lengths < least).sum())} of less than {least} steps left out"
    assert shorter in said(capsys, "convert", STEPS, tmp_path / "demos.npz", "--min-length", least)
    found = read_demonstrations_from(tmp_path / "demos.npz")
    assert found.lengths.tolist() == lengths[lengths >= least].tolist()
    ends = np.cumsum(lengths)
    kept = np.concatenate([np.arange(end - length, end) for end, length in zip(ends, lengths, strict=True) if length >= least])
    np.testing.assert_array_equal(found.observations, read_demonstrations_from(STEPS).observations[kept])
    assert "left out" not in said(capsys, "convert", STEPS, tmp_path / "all.npz", "--min-length", int(lengths.min()))
    none = said(capsys, "convert", STEPS, tmp_path / "none.npz", "--min-length", least + 1, code=3)
    assert f"expected demonstrations of at least {least + 1} steps, got none longer than {least}" in none
    assert not (tmp_path / "none.npz").exists()


def test_convert_with_keys(tmp_path, capsys):
    said(capsys, "convert", FORMATS / "minari/toy/dict-arrow-v0", tmp_path / "demos.npz", "--keys", "velocity", "position")
    assert read_demonstrations_from(tmp_path / "demos.npz").observations.shape == (13, 3)


def test_what_cannot_be_converted_leaves_nothing(tmp_path, capsys):
    said(capsys, "convert", FORMATS / "minari/toy/dict-arrow-v0", tmp_path / "new/demos.npz", code=3)
    assert "end it in -v0" in said(capsys, "convert", STEPS, tmp_path / "new/demos", "--to", "minari", code=2)
    assert not (tmp_path / "new").exists()


def test_check_passes_and_gives_notes(pendulum, capsys):
    text = said(capsys, "check", pendulum(), "--env", "Pendulum-v1")
    assert "2 demonstrations, 400 steps, fit Pendulum-v1" in text
    assert "note: 50.0% of the demonstrations repeat" in text
    assert "note: clipped 398" in said(capsys, "check", pendulum(2.5), "--env", "Pendulum-v1", "--actions", "clip")


def test_check_lists_all_that_does_not_fit(pendulum, capsys):
    assert "99.5% of the coordinates" in said(capsys, "check", pendulum(2.5), "--env", "Pendulum-v1", code=3)
    text = said(capsys, "check", pendulum(), "--env", "Hopper-v5", code=3)
    assert "2 problems" in text
    assert "observations: expected 11 coordinates, got 3" in text
    assert "actions: expected 3 coordinates, got 1" in text
    assert "did you mean 'Pendulum-v1'" in said(capsys, "check", pendulum(), "--env", "Pendulum-v2", code=2)
    assert find_any_task("Ant-v5").bare.action_size == 8


def test_environments_of_gymnasiums_can_be_checked_against(tmp_path, monkeypatch, capsys):
    """One of the user's own, in a module that registers it; the record names it without the module."""
    (tmp_path / "of_mine.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Swings-v0', 'gymnasium.envs.classic_control:PendulumEnv', max_episode_steps=50)\n"
        "gymnasium.register('Endless-v0', 'gymnasium.envs.classic_control:PendulumEnv')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("gymnasium.registry", dict(gymnasium.registry))
    monkeypatch.setattr("gymnasium.envs.registration.registry", gymnasium.registry)
    path = tmp_path / "demos.npz"
    swings = Demonstrations(np.zeros((60, 3)), np.zeros((60, 1)), np.array([50, 10]), meta={"environment": "Swings-v0"})
    write_demonstrations(path, swings)
    assert "fit of_mine:Swings-v0" in said(capsys, "check", path, "--env", "of_mine:Swings-v0")
    assert "the box of of_mine:Swings-v0" in said(capsys, "info", path, "--env", "of_mine:Swings-v0")
    assert "got none; register it with max_episode_steps, or wrap it in gymnasium.wrappers.TimeLimit" in said(
        capsys, "check", path, "--env", "of_mine:Endless-v0", code=2
    )
    assert "No module named 'nowhere'" in said(capsys, "check", path, "--env", "nowhere:Swings-v0", code=2)


def test_those_of_another_version_are_refused_until_they_are_renamed(tmp_path, capsys):
    draw, old, new = np.random.default_rng(0), tmp_path / "old.npz", tmp_path / "new.npz"
    observations, actions = draw.normal(size=(400, 3)), draw.uniform(-2, 2, size=(400, 1))
    write_demonstrations(old, Demonstrations(observations, actions, np.array([200, 200]), meta={"environment": "Pendulum-v0"}))
    assert "expected demonstrations of Pendulum-v1, got those of Pendulum-v0" in said(capsys, "check", old, "--env", "Pendulum-v1", code=3)
    said(capsys, "convert", old, new, "--env", "Pendulum-v1")
    assert read_demonstrations_from(new).meta == {"environment": "Pendulum-v1", "recorded_in": "Pendulum-v0"}
    assert "fit Pendulum-v1" in said(capsys, "check", new, "--env", "Pendulum-v1")


def test_irl_takes_every_format(pendulum, tmp_path):
    plan = check_irl(IrlOptions(env="Pendulum-v1", demos=pendulum(), out=tmp_path / "run", num_demos=2))
    assert plan.demonstrations.num_trajectories == 2


def test_irl_takes_twenty_or_all_there_are_unless_told(tmp_path):
    path, left = tmp_path / "demos.npz", IrlOptions(env="Pendulum-v1", demos=tmp_path / "demos.npz", out=tmp_path / "run")
    for there, taken in ((3, 3), (23, 20)):
        draw = np.random.default_rng(0)
        steps = draw.normal(size=(200 * there, 3)), draw.uniform(-2, 2, size=(200 * there, 1))
        write_demonstrations(path, Demonstrations(*steps, np.full(there, 200)))
        assert check_irl(left).options.num_demos == taken
        assert check_irl(replace(left, num_demos=2)).options.num_demos == 2
    with pytest.raises(DataError, match="got 24; lower --num-demos"):
        check_irl(replace(left, num_demos=24))
    with pytest.raises(ConfigError, match="--num-demos of at least 1, got 0"):
        check_irl(replace(left, num_demos=0))


def test_no_jax_is_imported(pendulum):
    code = (
        "import sys; from triality.cli.main import main; "
        f"main(['demos', 'check', {str(pendulum())!r}, '--env', 'Pendulum-v1']); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("action", ["info", "convert", "check"])
def test_help_teaches(action, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["demos", action, "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"usage: triality demos {action}" in text
    assert "FILE" in text
    for artifact in ("``", "{None}", "(default: None)", "Args:"):
        assert artifact not in text

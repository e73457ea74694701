"""F1 of sweeps: killed at any look, or while its points are judged, a sweep goes on to the same numbers in every folder, bit for bit."""

import json
import os
import random

import pytest

from tests.faults.kept_runs import EBM, IRL, Case, content, killed_after, run_to_end
from tests.faults.test_f01_resumption import SAVE_ALWAYS, Killed, killed_at_look
from triality.cli import irl_sweep
from triality.cli.main import main

SWEEPS = {
    "irl": Case("irl sweep", (*IRL.words, "--sweep", "cost_learning_rate=1e-4,3e-3")),
    "ebm": Case("ebm sweep", (*EBM.words, "--sweep", "energy_learning_rate=1e-4,3e-3")),
}


def everything(out):
    """Every point, and what stands at the top, without clocks."""
    points = sorted(folder for folder in out.iterdir() if "=" in folder.name)
    result = json.loads((out / "sweep.json").read_text())
    return {folder.name: content(folder) for folder in points}, [(row["folder"], row["value"], row["seeds"]) for row in result["points"]]


@pytest.mark.faults
@pytest.mark.parametrize(("name", "kills"), [("irl", (1, 3)), ("ebm", (30, 60))])
def test_a_killed_sweep_goes_on_to_the_same_numbers(name, kills, tmp_path, monkeypatch, capsys):
    case = SWEEPS[name]
    assert main([*case.words, "--out", str(tmp_path / "whole")]) == 0
    for number in kills:
        killed_at_look(monkeypatch, number, case, tmp_path / "killed")
    assert main([*case.words, "--out", str(tmp_path / "killed"), "--resume", *SAVE_ALWAYS]) == 0
    whole, resumed = everything(tmp_path / "whole"), everything(tmp_path / "killed")
    assert len(whole[0]) == 2
    assert resumed == whole
    # Over is over; and the negative control, another seed.
    capsys.readouterr()
    assert main([*case.words, "--out", str(tmp_path / "killed"), "--resume"]) == 0
    assert "has come to its end" in capsys.readouterr().err
    assert main([*case.words, "--seed", "7", "--out", str(tmp_path / "other")]) == 0
    assert everything(tmp_path / "other")[1] != whole[1]


@pytest.mark.faults
def test_a_sweep_killed_while_its_points_are_judged_judges_the_rest(tmp_path, monkeypatch):
    case, conclude, concluded = SWEEPS["irl"], irl_sweep.conclude, []

    def second_kills(folder, *given):
        if concluded:
            raise Killed
        concluded.append(folder.path.name)
        return conclude(folder, *given)

    with monkeypatch.context() as patch:
        patch.setattr(irl_sweep, "conclude", second_kills)
        with pytest.raises(Killed):
            main([*case.words, "--out", str(tmp_path / "killed"), *SAVE_ALWAYS])
    written = (tmp_path / "killed" / concluded[0] / "summary.json").stat().st_mtime_ns
    assert main([*case.words, "--out", str(tmp_path / "killed"), "--resume"]) == 0
    assert (tmp_path / "killed" / concluded[0] / "summary.json").stat().st_mtime_ns == written
    assert main([*case.words, "--out", str(tmp_path / "whole")]) == 0
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")


@pytest.mark.faults
def test_another_sweep_in_the_folder_is_refused_and_the_difference_named(tmp_path, monkeypatch, capsys):
    killed_at_look(monkeypatch, 2, SWEEPS["irl"], tmp_path / "run")
    assert main([*IRL.words, "--sweep", "cost_learning_rate=1e-4,1e-3", "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "sweep: {'cost_learning_rate': [0.0001, 0.003]} there" in capsys.readouterr().err
    assert main([*IRL.words, "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "the command: irl sweep there, irl now" in capsys.readouterr().err


@pytest.mark.faults
def test_a_sweep_killed_at_random_moments(tmp_path):
    """Eight kill -9 in one sweep after the other."""
    case, draw = SWEEPS["irl"], random.Random(os.urandom(8))
    run_to_end(case, tmp_path / "whole")
    seconds = run_to_end(case, tmp_path / "again")
    whole, killed = everything(tmp_path / "whole"), 0
    assert everything(tmp_path / "again") == whole
    for index in range(40):
        out = tmp_path / f"killed{index}"
        while killed < 8 and killed_after(case, out, draw.uniform(0.1, 1.0) * seconds) is not None:
            killed += 1
        run_to_end(case, out, "--resume")
        assert everything(out) == whole
        assert not list(out.rglob(".tmp-*"))
        if killed == 8:
            return
    raise AssertionError("the sweeps ended too fast to be killed")

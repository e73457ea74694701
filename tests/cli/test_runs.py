"""The commands on run folders: what they print, for whole runs, half ones and damaged ones."""

import json

import pytest

from tests.runs.report.run_folders import finished_run, running_run
from triality.cli.main import main
from triality.runs import standing
from triality.runs.folder import RunFolder


def printed(capsys, *arguments, code=0):
    assert main([str(each) for each in arguments]) == code
    return capsys.readouterr().out


def test_the_list_names_state_progress_and_result(tmp_path, capsys, monkeypatch):
    finished_run(tmp_path / "done", 1)
    running_run(tmp_path / "stopped", 1, 3)
    running_run(tmp_path / "busy", 1, 4)
    (running_run(tmp_path / "bad", 1, 1) / "config.json").write_text("{")
    monkeypatch.setattr(standing.lock, "holder", lambda folder: {"pid": 7} if folder.name == "busy" else None)
    lines = {line.split()[0]: line for line in printed(capsys, "runs", "list", tmp_path).splitlines() if line.strip()}
    assert all(text in lines["done"] for text in ("irl: Pendulum-v1, gan-gcl", "finished", "200 of 200", "normalized return 0.984", "kB"))
    assert all(text in lines["stopped"] for text in ("interrupted", "15 of 200", "so far"))
    assert all(text in lines["busy"] for text in ("running, 18 s left", "20 of 200"))
    assert "damaged" in lines["bad"]
    assert lines["damaged"].startswith("damaged bad: ")
    assert "config.json: expected a JSON object" in lines["damaged"]


def test_an_empty_list_says_so(tmp_path, capsys):
    assert f"no runs below {tmp_path}" in printed(capsys, "runs", "list", tmp_path)
    assert main(["runs", "list", str(tmp_path / "no")]) == 2
    assert "expected a folder with runs below it" in capsys.readouterr().err


def test_one_run_is_shown_whole(tmp_path, capsys):
    path = running_run(tmp_path / "run", 3, 3)
    record = json.loads((path / "config.json").read_text())
    RunFolder(path).write_config("irl", {**record["config"], "notes": ["[bold]clipped[/bold] 3 % of the actions"]})
    (path / "failed.json").write_text('{"error": "NaN in the cost"}')
    text = printed(capsys, "runs", "show", path)
    for expected in ("interrupted", "15 of 200 of each seed", "NaN in the cost", "seed 2", "return_mean", "policy_learning_rate", "0.0003"):
        assert expected in text
    assert "note: [bold]clipped[/bold] 3 % of the actions" in text
    assert f"triality report {path}" in text


def test_of_many_seeds_there_is_a_range(tmp_path, capsys):
    text = printed(capsys, "runs", "show", running_run(tmp_path / "run", 9, 2))
    assert all(word in text for word in ("of 9 seeds", "median", "lowest", "highest"))
    assert "seed 8" not in text


@pytest.mark.parametrize(("num_chunks", "said"), [(0, "interrupted after 0 of 200"), (3, "interrupted after 15 of 200 iterations")])
def test_a_report_can_be_made_at_any_time(num_chunks, said, tmp_path, capsys):
    path = running_run(tmp_path / "run", 1, num_chunks)
    text = printed(capsys, "report", path)
    assert f"run: {said}" in text
    assert f"report: {path / 'report.html'}" in text
    before = (path / "report.html").read_text()
    RunFolder(path).metrics.append({"seed": 0, "iteration": 100, "seconds": 9.0})
    printed(capsys, "report", path)
    assert (path / "report.html").read_text() != before


@pytest.mark.parametrize("command", [("report",), ("runs", "show")])
def test_a_folder_that_is_no_run_is_refused(command, tmp_path, capsys):
    assert main([*command, str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("triality: ")
    running_run(tmp_path / "run", 1, 1)
    (tmp_path / "run" / "config.json").write_text("{")
    assert main([*command, str(tmp_path / "run")]) == 6
    assert "damaged" in capsys.readouterr().err

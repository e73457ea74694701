"""The report of half a run: whether it goes on, how far it is, and every curve that there is."""

import pytest

from tests.runs.report.run_folders import running_run
from tests.runs.report.test_report import figures_of, plain, report_of
from triality.runs import standing
from triality.runs.folder import RunFolder


def test_a_run_that_somebody_writes_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(standing.lock, "holder", lambda folder: {"pid": 4711, "host": "node-7"})
    text = plain(report_of(running_run(tmp_path / "run", 2, 4)))
    assert "Still running: 20 of 200 iterations of each seed are done, and at the pace so far about 18 s are left to learn" in text
    assert "by process 4711 on node-7" in text
    assert "Interrupted" not in text
    text = plain(report_of(running_run(tmp_path / "begun", 2, 0)))
    assert "Still running: nothing has been logged yet" in text
    text = plain(report_of(running_run(tmp_path / "done", 1, 40)))
    assert "Still running: all 200 iterations are done, and the result is being worked out" in text


def test_where_there_is_a_checkpoint_the_way_on_is_told(tmp_path):
    path = running_run(tmp_path / "run", 1, 3)
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "00000003.ckpt").touch()
    text = report_of(path)
    assert "the same command with --resume goes on" in text
    assert "triality eval" in text


def test_a_run_that_met_nan_says_so_at_the_top(tmp_path):
    path = running_run(tmp_path / "run", 1, 3)
    (path / "failed.json").write_text('{"error": "expected finite numbers, got <NaN>"}')
    text = report_of(path)
    assert "got &lt;NaN&gt;" in text
    assert "result level-bad" in text


@pytest.mark.parametrize("command", ["ebm", "seq"])
def test_half_a_run_of_a_density_has_its_curve_and_no_result(command, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    config = {"data": "a/wine.csv", "generator": "maf", "objective": "nce", "generator_steps": 100, "energy_steps": 100, "seeds": 1}
    run.write_config(command, {**config, "num_train": 10, "found_length": 5, "found_vocabulary": 7})
    assert "Interrupted before anything was logged" in report_of(run.path)
    for step in (40, 80, 120):
        run.metrics.append({"seed": 0, "iteration": step, "seconds": 0.1 * step, "validation": -10.0 / step})
    text = report_of(run.path)
    assert "Interrupted after 120 of 200 gradient steps" in text
    assert "one seed" in plain(text) or "1 seed" in plain(text)
    assert figures_of(text) == ["validation"]
    assert f"triality report {run.path}" in text


def test_damaged_lines_of_the_log_cost_themselves_alone(tmp_path):
    path = running_run(tmp_path / "run", 1, 6)
    lines = (path / "metrics.jsonl").read_bytes().split(b"\n")
    lines[2] = lines[2][:40]
    (path / "metrics.jsonl").write_bytes(b"\n".join(lines) + b'{"seed": 0, "iter')
    text = report_of(path)
    assert "got damage on 3; the other lines are shown" in text
    assert "Interrupted after 30 of 200" in text
    assert "return-steps" in figures_of(text)

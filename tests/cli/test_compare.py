"""Runs side by side: what differs is shown, what cannot be compared is refused, and nothing is overwritten unasked."""

import json

import pytest

from triality.cli.main import main
from triality.runs.folder import RunFolder


def density_run(folder, generator, likelihood, command="ebm"):
    run = RunFolder.create(folder)
    run.write_config(command, {"target": "ring", "generator": generator, "seeds": 3, "out": str(folder)})
    for step in (10, 20):
        run.metrics.append({"seed": 0, "iteration": step, "seconds": 0.1 * step, "validation": likelihood - 1.0 / step})
    seeds = [{"seed": i, "test_log_likelihood": likelihood, "metrics": {"test_log_likelihood": likelihood + 0.01 * i}} for i in range(3)]
    overall = {"test_log_likelihood": likelihood, "metrics": {"test_log_likelihood": likelihood, "generator_test_log_likelihood": -2.5}}
    estimates = {"importance": {"value": 0.25, "stderr": 0.01}}
    run.write_summary(
        {
            **{"command": command, "config": {}, "seeds": seeds, "iqm": overall, "log_z": 0.25, "log_z_estimates": estimates},
            **{"alarm": "agree: all", "env_steps": None, "env_steps_per_second": None, "seconds": 12.0},
        }
    )
    return folder


@pytest.fixture
def runs(tmp_path):
    return [density_run(tmp_path / "one", "mixture", -1.25), density_run(tmp_path / "two", "spline", -1.125)]


def test_what_differs_and_what_came_of_it(runs, tmp_path):
    page = tmp_path / "new" / "page.html"
    assert main(["compare", *map(str, runs), "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    for expected in ("one", "two", "mixture", "spline", "\N{MINUS SIGN}1.250", "\N{MINUS SIGN}1.125", "The three estimates agree", "0.25"):
        assert expected in text
    assert "<td>ring</td>" not in text  # the same in both
    assert "<script" not in text


def test_an_existing_page_is_kept(runs, tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text("mine")
    assert main(["compare", *map(str, runs), "--out", str(page)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert page.read_text() == "mine"
    assert main(["compare", *map(str, runs), "--out", str(page), "--overwrite"]) == 0


def test_what_cannot_be_compared_is_refused(runs, tmp_path, capsys):
    out = ("--out", str(tmp_path / "page.html"))
    other = density_run(tmp_path / "three", "mixture", -1.0)
    record = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**record, "command": "irl"}))
    for given, message in (
        ([runs[0]], "2 to 12 runs"),
        ([runs[0], runs[0]], "one folder twice"),
        ([*runs, other], "ebm and irl"),
        ([runs[0], tmp_path / "none"], "got nothing there"),
    ):
        assert main(["compare", *map(str, given), *out]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_a_run_that_has_not_ended_is_shown_as_far_as_it_is(runs, tmp_path):
    (runs[1] / "summary.json").unlink()
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "page.html")]) == 0
    assert "Not yet known" in (tmp_path / "page.html").read_text(encoding="utf-8")

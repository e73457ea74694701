"""The queue with commands of a few milliseconds, and the table's statistics against known ones."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = (sys.executable, "-c")


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


def job(name, code, result, **more):
    from queue_of_runs import Job

    return Job(name, (code,), result.exists, program=PROGRAM, **more)


def test_done_jobs_are_skipped_and_failed_ones_run_again(tmp_path):
    from queue_of_runs import Queue, latest_attempts

    good, bad = tmp_path / "good", tmp_path / "bad"
    write = "import pathlib; pathlib.Path({!r}).open('a').write('x')"
    jobs = [job("good", write.format(str(good)), good), job("bad", "raise SystemExit('no such thing')", bad)]
    assert Queue(tmp_path / "out", 60.0).run(jobs) == ["bad"]
    assert latest_attempts(tmp_path / "out")["bad"]["why"] == "exit code 1: no such thing"
    mended = [jobs[0], job("bad", write.format(str(bad)), bad)]
    assert Queue(tmp_path / "out", 60.0, parallel=2).run(mended) == []
    assert good.read_text() == "x"  # run once
    assert latest_attempts(tmp_path / "out")["bad"]["ok"]
    assert len((tmp_path / "out" / "queue.jsonl").read_text().splitlines()) == 3


def test_a_command_that_ends_well_without_its_result_has_failed(tmp_path):
    from queue_of_runs import Queue

    assert Queue(tmp_path, 60.0).run([job("empty", "pass", tmp_path / "never")]) == ["empty"]


def test_the_time_limit_ends_a_job_with_its_children(tmp_path):
    from queue_of_runs import Queue, latest_attempts

    child = tmp_path / "child"
    inner = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(child)!r}).touch()"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {inner!r}]); time.sleep(60)"
    assert Queue(tmp_path, 0.7).run([job("endless", code, tmp_path / "never")]) == ["endless"]
    record = latest_attempts(tmp_path)["endless"]
    assert record["why"] == "over the limit of 1 s"
    assert record["seconds"] < 10
    import time

    time.sleep(1.5)
    assert not child.exists()


def test_a_job_whose_need_is_missing_is_left_out(tmp_path):
    from queue_of_runs import Queue

    result = tmp_path / "result"
    blocked = job("blocked", f"import pathlib; pathlib.Path({str(result)!r}).touch()", result, is_ready=lambda: False)
    assert Queue(tmp_path, 60.0).run([blocked]) == ["blocked"]
    assert not result.exists()


def test_a_run_with_other_options_is_not_this_cell(tmp_path):
    from study_of_runs import is_finished

    chosen, path = {"num_demos": 5, "gradient_penalty": 0.0, "demos": Path("a.npz")}, tmp_path / "summary.json"
    assert not is_finished(path, chosen)
    path.write_text(json.dumps({"config": {"num_demos": 5, "gradient_penalty": 0.0, "demos": "a.npz", "seed": 0}}))
    assert is_finished(path, chosen)
    assert not is_finished(path, {**chosen, "gradient_penalty": 1.0})


def test_what_a_run_came_to_outlives_its_folder(tmp_path, monkeypatch):
    import study_of_runs

    monkeypatch.setattr(study_of_runs, "RECORDS", tmp_path / "results")
    monkeypatch.setattr(study_of_runs, "commit", lambda: "abc")
    folder = tmp_path / "out" / "cell_05"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"config": {"num_demos": 5}, **summary([0.5])}))
    record = study_of_runs.recorded(tmp_path / "out", "cell_05")
    study_of_runs.keep(folder, record)
    (folder / "summary.json").unlink()
    kept = study_of_runs._result(study_of_runs.Cell("cell", "main", 5), tmp_path / "out", {})
    assert kept.summary is not None
    assert (kept.summary["commit"], kept.summary["seeds"][0]["return_normalized"]) == ("abc", 0.5)


def test_a_busy_machine_leaves_no_seconds(tmp_path, monkeypatch):
    import study_of_runs
    from table_of_runs import Gate, iqm_of, write_table

    monkeypatch.setattr(study_of_runs, "RECORDS", tmp_path / "results")
    folder = tmp_path / "out" / "cell_05"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary([0.5, 0.7, 0.9])))
    study_of_runs.keep(folder, study_of_runs.recorded(tmp_path / "out", "cell_05"), is_timed=False)
    kept = study_of_runs._result(study_of_runs.Cell("cell", "main", 5), tmp_path / "out", {})
    gate = Gate("return_normalized", iqm_of, 0.6, "0.6", 3)
    assert "| cell | 5 | **0.700** | 0.500 to 0.900 |" in (text := write_table("T", gate, [kept], {}, None))
    assert "| 0.25 | 0.25 | 166 |  |  |  | yes |" in text


def test_a_row_whose_run_is_recorded_nowhere_stays_as_it_stands(tmp_path):
    from table_of_runs import Gate, Result, iqm_of, write_table

    def of(name, values=None, section="Main"):
        return Result(section, name, 5, None if values is None else summary(values), None, None, "")

    gate, page = Gate("return_normalized", iqm_of, 0.97, "0.97", 3), tmp_path / "t.md"
    before = write_table("T", gate, [of("old", [0.25] * 5), of("twice", [0.75] * 5)], {}, page)
    old = next(line for line in before.splitlines() if line.startswith("| old |"))
    rows = [of("old"), of("twice", [0.5] * 5), of("new", [1.0] * 5), of("never"), of("old", section="Other")]
    write_table("T", gate, rows, {}, page)
    text = write_table("T", gate, rows, {}, page)  # and again
    assert text.splitlines().count(old) == 1
    assert "| twice | 5 | **0.500** |" in text
    assert "Not run yet: never from 5." in text
    assert "Not run yet: old from 5." in text
    assert text.count("**Standing rows** (1: old from 5)") == 1
    assert "**Standing rows**" not in before


def test_cells_have_names_of_their_own_and_options_that_the_command_accepts(tmp_path):
    import cartpole_table
    import mujoco_table
    import pendulum_table

    from triality.cli.irl import check_options
    from triality.cli.options import IrlOptions

    for study in (pendulum_table.STUDY, cartpole_table.STUDY, *map(mujoco_table.study, mujoco_table.TASKS)):
        assert len({cell.name for cell in study.cells}) == len(study.cells) > 0
        for cell in study.cells:
            check_options(IrlOptions(env=study.env, demos=study.demos, out=tmp_path, num_demos=cell.num_demos, **cell.options))


def summary(values):
    health = {"overlap": 0.25, "ess_fraction": 0.25, "return_sampled": -255.0}
    seeds = [{"return_normalized": value, "return_mean": value} | health for value in values]
    ends = {"expert_return": -150.0, "random_return": -1200.0}
    return {"config": {"env": "Pendulum-v1"}, "seeds": seeds, "iqm": ends, "env_steps": 500, "seconds": 50.0}


def test_the_table_holds_the_statistics_and_the_gate(tmp_path):
    from table_of_runs import Gate, Result, iqm_of, write_table

    gate = Gate("return_normalized", iqm_of, 0.97, "0.97", 3)
    values = [0.0, 0.95, 0.99, 0.99, 1.0]  # the mean of the middle three; with quarters by share it would be 0.978
    results = [
        Result("Main", "good", 5, summary(values), {"rows": [{"return": -300.0, "normalized": 0.5}]}, 12.3, ""),
        Result("Main", "poor", 5, summary([0.1, 0.2, 0.3, 0.4, 0.5]), None, None, ""),
        Result("Main", "broken", 5, None, None, None, "exit code 1: x"),
    ]
    text = write_table("T", gate, results, {}, tmp_path / "t.md")
    assert "| good | 5 | **0.977** | 0.000 to 1.000 |" in text
    assert "| 0.900 | 0.25 | 0.25 | 100 | 10.0 | 12.3 | 0.500 | yes |" in text
    assert "| poor | 5 | **0.300** |" in text
    assert text.count("| yes |") == text.count("| no |") == 1
    assert "failed: exit code 1: x" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_bootstrap_interval_covers_the_median_of_a_large_sample_and_is_a_point_where_nothing_varies():
    from table_of_runs import bootstrap_interval, iqm_of

    assert bootstrap_interval([0.5] * 5) == (0.5, 0.5)
    values = np.random.default_rng(1).normal(3.0, 1.0, 200)
    low, high = bootstrap_interval(values)
    assert low < iqm_of(list(values)) < high
    # The IQM of a normal sample varies about 1.09 times as much as its mean, 1/sqrt(200).
    assert 0.5 < (high - low) / (2 * 1.96 * 1.09 / np.sqrt(200)) < 1.5


def test_a_run_that_never_got_there_counts_as_later_than_all_others():
    from irl_vs_imitation import _figures, _spread

    run = {"env_steps": 100, "learn_seconds": 2.0, "setup_seconds": 1.0, "compile_seconds": 5.0}
    run["evaluations"] = [{"seconds": 1.0, "return": -400.0}, {"seconds": 2.0, "return": -240.0}]
    figures = _figures(run, {"random": -1200.0, "demonstrations": -150.0})
    assert figures["seconds_to_good"] == 2.0
    assert figures["seconds_to_good_with_compilation"] == 8.0
    assert (figures["steps_per_second"], figures["steps_per_second_with_compilation"]) == (50.0, 12.5)
    assert _figures(run, {"random": -1200.0, "demonstrations": 0.0})["seconds_to_good"] is None
    assert _spread([3.0, None, 1.0], 1) == "3.0 (1.0 to 3.0, 2 of 3 runs)"
    assert _spread([None, None, 1.0], 1).startswith("not reached")

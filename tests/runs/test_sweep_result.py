"""What a sweep says of its points: the best one, whom it is not told apart from, what failed; and how lists and pages show it."""

import html
import json

import pytest

from triality.cli.main import main
from triality.runs.folder import RunFolder
from triality.runs.json_files import write_json
from triality.runs.listing import find_runs
from triality.runs.report.sweep_page import confirmation, reading, render
from triality.runs.resumption import is_over
from triality.runs.standing import planned_iterations, standing_of
from triality.runs.sweep_result import PointResult, result_of
from triality.tracking.records import numbers_of

CONFIG = {"out": "my runs/sweep", "seed": 3, "seeds": 4, "iterations": 10, "env": "Pendulum-v1", "algorithm": "gan-gcl"}
SEEDS = {0.1: (0.1, 0.2, 0.15, 0.12), 1.0: (0.8, 0.9, 0.85, 0.87), 10.0: (0.84, 0.7, 0.9, 0.95), 100.0: None}


def summary(field, values):
    """Of a run whose seeds came to these values."""
    return {"iqm": {field: sum(values) / len(values)}, "seeds": [{field: value} for value in values]}


def irl_result(**others):
    config = {**CONFIG, "sweep": {"temperature": list(SEEDS)}, **others}
    points = [
        PointResult(f"temperature={value:g}", {"temperature": value}, None if seeds is None else summary("return_normalized", seeds), words)
        for (value, seeds), words in zip(SEEDS.items(), ("", "", "", "NaN in the cost"), strict=True)
    ]
    return result_of("irl", config, points, 12.0)


def test_the_best_point_and_those_whose_intervals_it_meets():
    result = irl_result()
    assert result["best"] == "temperature=1"
    assert result["not_told_apart"] == ["temperature=10"]
    assert result["points"][3] == {
        "folder": "temperature=100",
        "values": {"temperature": 100.0},
        "value": None,
        "interval": None,
        "seeds": [],
        "failed": "NaN in the cost",
    }
    low, high = result["points"][1]["interval"]
    assert 0.8 <= low < result["points"][1]["value"] < high <= 0.9


def test_where_less_is_better_the_least_is_best():
    points = [PointResult(f"a={i}", {"a": float(i)}, summary("nll_test", [value]), "") for i, value in enumerate((5.0, 4.0, 9.0))]
    result = result_of("seq", {**CONFIG, "sweep": {"a": [0.0, 1.0, 2.0]}}, points, 1.0)
    assert (result["best"], result["measure"]["better"], result["not_told_apart"]) == ("a=1", "lower", [])


def test_without_a_scale_raw_returns_are_compared():
    """Demonstrations without rewards: nothing is normalized."""
    points = [PointResult(f"a={i}", {"a": float(i)}, summary("return_mean", [value]), "") for i, value in enumerate((-900.0, -150.0))]
    for point in points:
        point.summary["iqm"]["return_normalized"] = None
    result = result_of("irl", {**CONFIG, "sweep": {"a": [0.0, 1.0]}}, points, 1.0)
    assert (result["measure"]["field"], result["best"]) == ("return_mean", "a=1")


def test_nothing_is_best_where_all_failed():
    points = [PointResult(f"a={i}", {"a": float(i)}, None, "NaN") for i in range(2)]
    result = result_of("ebm", {**CONFIG, "sweep": {"a": [0.0, 1.0]}}, points, 1.0)
    assert result["best"] is None
    assert reading(result) == "No point has a result."
    assert "Failed" in render(result)


def test_the_page_says_what_the_best_is_worth():
    result = irl_result()
    assert "not told apart from: temperature=10" in reading(result)
    assert "--temperature 1 and seeds that chose nothing: --seed 7 --seeds 5" in confirmation(result)
    page = render(result)
    assert "looks better than it is" in page
    assert "temperature=100: NaN in the cost" in page
    assert "triality runs show 'my runs/sweep/temperature=1'" in html.unescape(page), "from where the sweep was started"
    assert page.count("<svg") == 1
    assert "<script" not in page


@pytest.mark.parametrize("values", [[[0.5, 1.0], [1.0, 2.0, 4.0]], [[0.5, 1.0], [1.0, 2.0], [0.1, 0.2]]], ids=["lines", "rows"])
def test_sweeps_of_several_options_are_drawn(values):
    swept = dict(zip("abc", values, strict=False))
    count, points = 0, []
    for a in values[0]:
        for b in values[1]:
            for c in values[2] if len(values) > 2 else [None]:
                named = {"a": a, "b": b} | ({} if c is None else {"c": c})
                count += 1
                points.append(PointResult(f"p={count}", named, summary("return_normalized", [0.1 * count, 0.2, 0.3]), ""))
    page = render(result_of("irl", {**CONFIG, "sweep": swept}, points, 1.0))
    assert page.count("<svg") == 1
    assert all(f"p={index}" in page for index in range(1, count + 1))


@pytest.fixture
def folder(tmp_path):
    """A sweep of two points half-way: five iterations of each of two seeds."""
    run = RunFolder.create(tmp_path / "runs" / "sweep")
    run.write_config("irl sweep", {**CONFIG, "seeds": 2, "sweep": {"temperature": [1.0, 2.0]}})
    for iteration in (5,):
        for point in ("temperature=1", "temperature=2"):
            for seed in (3, 4):
                run.metrics.append({"point": point, "seed": seed, "iteration": iteration, "seconds": 2.0, "return_mean": -1.0})
    return run


def test_a_sweep_stands_where_all_its_rows_stand(folder):
    config = folder.read_config()["config"]
    assert planned_iterations("irl sweep", config) == 40
    standing = standing_of(folder.path, "irl sweep", config, folder.metrics.read())
    assert (standing.state, standing.progress, standing.whose) == ("interrupted", "5 of 10", "of each seed")
    assert not is_over(folder, config)


def test_a_list_shows_the_sweep_and_its_points(folder, capsys):
    point = RunFolder.create(folder.path / "temperature=2")
    point.write_config("irl", CONFIG)
    below = RunFolder.create(point.path / "within")
    below.write_config("irl", CONFIG)
    assert {found.path for found in find_runs(folder.path.parent)} == {folder.path, point.path}
    write_json(folder.path / "sweep.json", {"best": "temperature=2", "points": [{"folder": "temperature=2", "value": 0.75}]})
    (folder.path / "sweep.html").write_text("page")
    found = {each.path: each for each in find_runs(folder.path.parent)}
    assert found[folder.path].headline == "best of 1: temperature=2, 0.7500"
    assert found[folder.path].standing.state == "finished"
    assert is_over(folder, folder.read_config()["config"])
    assert main(["runs", "show", str(folder.path)]) == 0
    assert "sweep.html" in " ".join(capsys.readouterr().out.split())


def test_a_damaged_result_costs_its_line_alone(folder):
    (folder.path / "sweep.json").write_text("{")
    (found,) = find_runs(folder.path)
    assert found.headline == ""
    assert "sweep.json" in found.problems[0]


def test_a_report_of_a_sweep_is_its_page(folder, capsys):
    assert main(["report", str(folder.path)]) == 2
    assert "expected a sweep that has come to its end, got one without sweep.json" in capsys.readouterr().err
    write_json(folder.path / "sweep.json", irl_result())
    assert main(["report", str(folder.path)]) == 0
    assert "temperature=10" in (folder.path / "sweep.html").read_text()


def test_trackers_are_told_the_point(folder):
    record = {"point": "a=1", "seed": 3, "iteration": 5, "loss": 0.5}
    assert numbers_of(record, num_seeds=2) == (5, {"a=1/seed-3/loss": 0.5})
    assert numbers_of(record, num_seeds=1) == (5, {"a=1/loss": 0.5})
    assert json.dumps(record)

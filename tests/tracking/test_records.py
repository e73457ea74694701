"""From records to what a tracker is told, and how the names on the command line are read."""

import math
import subprocess
import sys

import numpy as np
import pytest

from triality.cli.trackers import TRACKERS, check_trackers, make_trackers
from triality.errors import ConfigError
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report
from triality.tracking.jsonl import JsonlTracker
from triality.tracking.left_behind import is_left_by_tracker
from triality.tracking.records import numbers_of, results_of
from triality.tracking.tracker import Tracker

RECORD = {
    "seed": 4,
    "iteration": 20,
    "env_steps": 400,
    "seconds": 1.5,
    "loss": np.float64(0.5),
    "is_finite": True,
    "power": None,
    "note": "x",
}


@pytest.mark.parametrize(("num_seeds", "prefix"), [(1, ""), (3, "seed-4/")])
def test_numbers_stand_behind_their_seed_where_there_are_several(num_seeds, prefix):
    step, numbers = numbers_of(RECORD, num_seeds)
    assert step == 20
    assert numbers == {f"{prefix}{name}": value for name, value in (("env_steps", 400), ("seconds", 1.5), ("loss", 0.5), ("power", None))}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_known(value):
    assert numbers_of({"iteration": 1, "loss": value}, 1) == (1, {"loss": None})
    assert results_of({"iqm": {"loss": value}}) == {}


def test_results_are_flat_and_leave_the_configuration_out():
    summary = {
        "config": {"lr": 0.1},
        "seeds": [{"x": 1.0}],
        "iqm": {"metrics": {"mmd": 0.1}},
        "log_z": None,
        "alarm": "agree",
        "seconds": 2,
    }
    assert results_of(summary) == {"iqm/metrics/mmd": 0.1, "seconds": 2.0}


def test_the_log_of_a_loop_of_ones_own_makes_a_report(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.write_config("irl", {"env": "Mine-v0", "iterations": 4})
    tracker = JsonlTracker(run.metrics)
    assert isinstance(tracker, Tracker)
    tracker.begin("run", {})
    for step in (1, 2, 3):
        tracker.log(step, {"return_mean": -10.0 * step, "entropy": None})
    tracker.end(None)
    assert "figure-return-iteration" in write_report(run.path).read_text(encoding="utf-8")


def test_wrong_names_are_all_listed_with_the_nearest():
    check_trackers([])
    with pytest.raises(ConfigError, match="did you mean 'wandb'"):
        check_trackers(["wandv"])
    with pytest.raises(ConfigError, match=r"'x'.*\n.*got tensorboard again"):
        check_trackers(["tensorboard", "tensorboard", "x"])


def test_a_missing_package_names_the_extra_also_where_a_folder_has_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(TRACKERS, "no_such_tracker", lambda folder: None)
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r'package no_such_tracker.*pip install "triality\[track\]"'):
            check_trackers(["no_such_tracker"])
        (tmp_path / "no_such_tracker").mkdir(exist_ok=True)


def test_of_no_names_it_is_a_tracker_that_tells_nobody(tmp_path):
    tracker = make_trackers([], tmp_path)
    tracker.begin("run", {})
    tracker.log(1, {"loss": 1.0})
    tracker.end(None)
    assert list(tmp_path.iterdir()) == []


def test_what_trackers_leave_is_known(tmp_path):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "events.out.tfevents.1.host.2").touch()
    (tmp_path / "mine.txt").touch()
    assert sorted(entry.name for entry in tmp_path.iterdir() if is_left_by_tracker(entry)) == ["events.out.tfevents.1.host.2", "wandb"]


def test_nothing_here_imports_jax_nor_a_trackers_own_package():
    names = "triality.cli.trackers, triality.tracking.jsonl, triality.tracking.records"
    code = f"import sys, {names}; print([n for n in ('jax', 'tensorboard', 'wandb', 'matplotlib') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

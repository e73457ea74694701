"""A run that has not come to its end can be looked at, and what looks at it says where it stands."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli.main import main
from triality.cli.names import find_task
from triality.cli.options import IrlOptions
from triality.cli.stored import StoredRun, load, open_run, unfinished
from triality.runs.checkpoint import leaves_of
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder

DEMOS = Path(__file__).parents[2] / "examples" / "pendulum_demos.npz"


class Kept(NamedTuple):
    state: Any


def test_it_says_where_it_stands(tmp_path):
    options, told = IrlOptions("Pendulum-v1", DEMOS, tmp_path, iterations=200, seeds=2), []
    stored = StoredRun(RunFolder(tmp_path), options, None, find_task("Pendulum-v1"))
    newest = tmp_path / "checkpoints" / "00000007.ckpt"
    record = {"iteration": 60, "of": 200, "checkpoint": "checkpoints/00000007.ckpt"}
    assert unfinished(stored, 60, newest, told.append) == {"unfinished": record}
    said = "has not come to its end: this is iteration 60 of 200 from checkpoints/00000007.ckpt; its own command with --resume goes on"
    assert told == [f"{tmp_path} {said}"]
    # On the host the seeds learn one after the other, and all their iterations are counted.
    on_host = stored._replace(task=stored.task._replace(on_host=True))
    assert unfinished(on_host, 60, newest, told.append)["unfinished"]["of"] == 400
    assert "this is iteration 60 of 400, counted over 2 seeds that learn one after the other, from checkpoints/" in told.pop()
    assert unfinished(on_host, 200, tmp_path / "state.ckpt", told.append)["unfinished"]["of"] == 200
    told.clear()
    assert (unfinished(stored._replace(summary={}), 60, newest, told.append), told) == ({}, [])


@pytest.mark.slow
def test_where_a_run_stands_is_said_and_recorded(tmp_path, capsys, monkeypatch):
    run, told = stored_run(tmp_path / "run", DEMOS, algorithm="bc", iterations=200), []
    whole = load(open_run(run), told.append)
    assert (told, whole.unfinished) == ([], {})
    (run / "summary.json").unlink()
    assert load(open_run(run), told.append).unfinished == {"unfinished": {"iteration": 1, "of": 200, "checkpoint": "state.ckpt"}}
    assert told.pop() == f"{run} has not come to its end: this is iteration 1 of 200 from state.ckpt; its own command with --resume goes on"
    (run / "state.ckpt").unlink()
    config = RunFolder.open(run).read_config()["config"]
    for step in (30, 60, 90):
        CheckpointSeries(run, keep=5).write(leaves_of({"states": Kept(whole.states)}), step=step, config=config)
    (run / "checkpoints" / "00000003.ckpt").write_bytes(b"damaged")
    here = {"unfinished": {"iteration": 60, "of": 200, "checkpoint": "checkpoints/00000002.ckpt"}}
    assert load(open_run(run)).unfinished == here
    said = "has not come to its end: this is iteration 60 of 200 from checkpoints/00000002.ckpt; its own command with --resume goes on"
    assert said in " ".join(capsys.readouterr().out.split())
    # The command does so, and keeps it in its record; what it needs is of shapes alone.
    returns = [{"mean": np.ones(1), "sampled": np.ones(1)}]
    monkeypatch.setattr("triality.cli.evaluation.evaluate_policies", lambda *given: returns)
    assert main(["eval", str(run)]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assert json.loads((run / "evaluation.json").read_text())["unfinished"] == here["unfinished"]

"""A run that has not come to its end can be looked at, and what looks at it says where it stands."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.stored_runs import stored_run
from triality.cli.main import main
from triality.cli.stored import load, open_run
from triality.runs.checkpoint import leaves_of
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder

DEMOS = Path(__file__).parents[2] / "examples" / "pendulum_demos.npz"


class Kept(NamedTuple):
    state: Any


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
    assert main(["eval", str(run), "--episodes", "1"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "has not come to its end: this is iteration 60 of 200 from checkpoints/00000002.ckpt; its own command with --resume" in printed
    written = json.loads((run / "evaluation.json").read_text())
    assert written["unfinished"] == {"iteration": 60, "of": 200, "checkpoint": "checkpoints/00000002.ckpt"}
    # On the host the seeds learn one after the other, and all their iterations are counted.
    stored = open_run(run)
    monkeypatch.setattr("triality.cli.experiment.state_template", lambda *given: whole.states)
    found = load(stored._replace(task=stored.task._replace(on_host=True)), told.append)
    assert found.unfinished["unfinished"]["of"] == 400
    assert "this is iteration 60 of 400, counted over 2 seeds that learn one after the other, from checkpoints/" in told[-1]

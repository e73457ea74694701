"""What a linear cost has learned is the mean of its course: in the folder of a run that has ended, and of one that has not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from tests.cli.stored_runs import stored_run
from triality.cli import conclusion
from triality.cli.conclusion import Effort, Judging, conclude
from triality.cli.irl import Plan
from triality.cli.stored import load, open_run
from triality.data.reference_returns import ReturnScale
from triality.runs.checkpoint import leaves_of
from triality.runs.checkpoint_series import CheckpointSeries


class Kept(NamedTuple):
    state: Any


@pytest.fixture
def stopped(tmp_path):
    """A run whose last cost is not the mean of its course, its states, the mean's weights, and the summary that it would have."""
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", algorithm="gan-gcl", level="trajectory", cost="linear")
    stored = open_run(run)
    states, config = load(stored).states, stored.folder.read_config()["config"]
    mean = jax.tree.map(lambda leaf: leaf + 3.0, states.cost_optimizer.mean)
    states = states._replace(cost_optimizer=states.cost_optimizer._replace(mean=mean))
    for file in ("summary.json", "state.ckpt"):
        (run / file).unlink()
    CheckpointSeries(run, keep=5).write(leaves_of({"states": Kept(states)}), step=1, config=config)
    return run, states, mean.weights, stored.summary


def test_of_a_run_that_was_stopped(stopped):
    run, states, weights, _ = stopped
    loaded = load(open_run(run)).states
    np.testing.assert_array_equal(loaded.cost.weights, weights)
    np.testing.assert_array_equal(loaded.cost.scaling.scale, states.scaling.scale, "its own, not the mean's")
    assert float(jnp.max(jnp.abs(states.cost.weights - weights))) > 0.5


def test_of_a_run_that_came_to_its_end(stopped, monkeypatch):
    run, states, weights, summary = stopped
    stored = open_run(run)
    algorithm = load(stored).algorithm
    monkeypatch.setattr(conclusion, "seed_records", lambda *given: [])
    monkeypatch.setattr(conclusion, "summarize", lambda *given: summary)
    monkeypatch.setattr(conclusion, "write_report", lambda path: path / "report.html")
    nothing: Any = None
    plan = Plan(stored.task, nothing, stored.options, ())
    conclude(stored.folder, plan, algorithm, states, Judging(ReturnScale(0.0, 1.0), None, None), Effort(1, None, lambda: 1.0), Console())
    np.testing.assert_array_equal(load(open_run(run)).states.cost.weights, weights)

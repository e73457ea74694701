"""A cost of Ant-v5 taken to the ant with two disabled legs, by the commands alone: ``DisabledAnt-v0`` is an environment like any other."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli import evaluation, host_retrain
from triality.cli.main import main
from triality.cli.names import Hosting, find_task
from triality.cli.stored import load_states, open_run
from triality.data.demonstration_file import read_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS
from triality.errors import ConfigError

ZERO = RANDOM_RETURNS["DisabledAnt-v0"].mean


def test_fresh_policies_learn_and_are_judged_in_the_disabled_ant(tmp_path, monkeypatch):
    """Hosted as the run in the whole ant was."""
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", env="Ant-v5", algorithm="airl", cost="state", seeds=1, max_restarts=3)
    trained, judged = [], []

    def untrained(there, algorithm, states, *rest):
        trained.append(there.task)
        return states.policy

    def judge(policies, num_seeds, task, episodes):
        judged.append(task)
        return [{"mean": np.full(episodes, 583.0)}] * num_seeds

    monkeypatch.setattr(host_retrain, "retrained", untrained)
    monkeypatch.setattr(evaluation, "evaluate_policies", judge)
    tiny = ("--iterations", "1", "--episodes", "2")
    assert main(["retrain", str(run), "--env", "DisabledAnt-v0", "--expert-return", "1500", *tiny]) == 0
    assert trained == judged == [find_task("DisabledAnt-v0")._replace(hosting=Hosting(0, 3))]
    written = json.loads((run / "transfer.json").read_text())
    assert (written["learned_in"], written["env"], written["simulator"]) == ("Ant-v5", "DisabledAnt-v0", "Gymnasium")
    rows = {row["who"]: (row["return"], row["normalized"]) for row in written["rows"]}
    assert rows["random actions"] == (ZERO, 0.0)
    assert rows["policy trained there on the true reward"] == (1500.0, 1.0)
    np.testing.assert_allclose(rows["fresh policy, cost of seed 5"], (583.0, (583.0 - ZERO) / (1500.0 - ZERO)))


def test_the_two_ants_are_tasks_of_the_same_sizes():
    ours, theirs = find_task("DisabledAnt-v0"), find_task("Ant-v5")
    assert ours.on_host
    assert ours.is_absorbing
    assert not ours.is_ours, "Gymnasium judges it"
    assert ours.spec == replace(theirs.spec, name="DisabledAnt-v0")
    assert find_task("DisabledAnt-v0", host=True) == ours
    with pytest.raises(ConfigError, match="did you mean 'DisabledAnt-v0'"):
        find_task("DisabledAnt-v1")


TINY = ("--num-rollouts", "2", "--policy-epochs", "1", "--policy-minibatches", "2")


@pytest.mark.slow
def test_the_whole_way_from_one_ant_to_the_other(tmp_path, monkeypatch):
    """Experts of both, a cost of the state in one process and in a worker, judged, taken to the other ant, and played."""
    monkeypatch.setattr("triality.cli.diagnosis.NUM_ON_HOST", 4)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    for env in ("Ant-v5", "DisabledAnt-v0"):
        out = tmp_path / f"{env}.npz"
        assert main(["expert", "--env", env, "--out", str(out), "--num-episodes", "2", "--iterations", "1"]) == 0
        assert read_demonstrations(out).meta["environment"] == env
    demos, run = str(tmp_path / "Ant-v5.npz"), str(tmp_path / "run")
    learn = [
        "irl",
        "--env",
        "Ant-v5",
        "--demos",
        demos,
        "--algorithm",
        "airl",
        "--cost",
        "state",
        "--num-demos",
        "2",
        "--iterations",
        "1",
        *TINY,
    ]
    assert main([*learn, "--out", run]) == 0
    shares = {}
    for hosting in ((), ("--workers", "2")):
        there = [*learn, "--env", "DisabledAnt-v0", "--demos", str(tmp_path / "DisabledAnt-v0.npz"), *hosting]
        folder = tmp_path / f"there{len(hosting)}"
        assert main([*there, "--out", str(folder)]) == 0
        shares[hosting] = json.loads((folder / "summary.json").read_text())["seeds"][0]["return_mean"]
        assert main(["eval", str(folder), "--episodes", "2"]) == 0
    assert len(shares) == 2
    assert all(np.isfinite(value) for value in shares.values())
    assert main(["retrain", run, "--env", "DisabledAnt-v0", "--iterations", "1", "--episodes", "2", "--expert-return", "1500"]) == 0
    last = json.loads((tmp_path / "run" / "transfer.json").read_text())["rows"][-1]
    assert np.isfinite(last["normalized"])
    states = load_states(open_run(tmp_path / "run"))[1]
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(states.policy) if np.issubdtype(leaf.dtype, np.floating))

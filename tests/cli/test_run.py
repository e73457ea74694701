"""A whole small run through the command: folder, summary, evaluation, a fresh policy, an expert."""

import json
import shutil

import numpy as np
import pytest

from triality.cli.main import main
from triality.data.demonstration_file import read_demonstrations
from triality.export.numpy_policy import NumpyPolicy
from triality.runs.summary import check_summary

TINY = ("--iterations", "2", "--num-rollouts", "6", "--seeds", "2", "--num-demos", "2")


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """Recorded by the command itself."""
    path = tmp_path_factory.mktemp("data") / "new" / "demos.npz"
    arguments = ["--num-episodes", "3", "--iterations", "1", "--policy-out", str(path.parent / "expert")]
    assert main(["expert", "--env", "Pendulum-v1", "--out", str(path), *arguments]) == 0
    return path


@pytest.fixture(scope="module")
def run(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["irl", "--env", "Pendulum-v1", "--demos", str(demos), "--out", str(out), *TINY]) == 0
    return out


def test_expert_records_densities_of_its_own_actions(demos):
    recorded = read_demonstrations(demos)
    assert recorded.num_trajectories == 3
    assert np.isfinite(recorded.log_prob).all()
    assert recorded.meta["environment"] == "Pendulum-v1"
    assert recorded.truncated.reshape(3, -1)[:, -1].all()
    assert not recorded.terminated.any()


def test_the_expert_that_is_kept_is_the_one_that_was_recorded(demos):
    recorded, kept = read_demonstrations(demos), NumpyPolicy.load(demos.parent / "expert")
    np.testing.assert_allclose(kept.log_prob(recorded.observations, recorded.actions), recorded.log_prob, atol=1e-5)
    # The broken twin: another action's density.
    assert not np.allclose(kept.log_prob(recorded.observations, -recorded.actions), recorded.log_prob, atol=1e-5)


def test_expert_refuses_an_existing_file(demos, capsys):
    assert main(["expert", "--env", "Pendulum-v1", "--out", str(demos)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_folder_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "metrics.jsonl", "state.ckpt", "summary.json", "figures.npz", "report.html"} <= names
    summary = json.loads((run / "summary.json").read_text())
    check_summary(summary)
    assert [seed["seed"] for seed in summary["seeds"]] == [0, 1]
    assert summary["env_steps"] == 2 * 2 * 6 * 200
    # Both iterations are the first call of their program, which compiles: no speed was measured.
    assert summary["env_steps_per_second"] is None
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {line["seed"] for line in lines} == {0, 1}
    # The algorithm's own numbers, the objective's and the policy's update's.
    assert all(np.isfinite([line["cost_data"], line["overlap_drawn"], line["kl"]]).all() for line in lines)


def test_what_the_command_decided_is_stored(run):
    config = json.loads((run / "config.json").read_text())["config"]
    assert (config["objective"], config["starts"], config["policy_learning_rate"]) == ("normalized", "matched", 3e-4)


def test_a_run_of_an_earlier_version_is_read(run, tmp_path):
    """Nothing decided in its options, and one of them no longer allowed."""
    earlier = tmp_path / "earlier"
    shutil.copytree(run, earlier)
    record = json.loads((run / "config.json").read_text())
    record["config"].update({"objective": "auto", "starts": "auto", "temperature": 0.0})
    (earlier / "config.json").write_text(json.dumps(record))
    assert main(["eval", str(earlier), "--episodes", "1"]) == 0


def test_eval_repeats_the_summary(run, capsys):
    """The policy read back from the checkpoint earns, episode seeds being fixed, exactly what the run reported."""
    assert main(["eval", str(run)]) == 0
    assert "in Gymnasium, 100 episodes" in " ".join(capsys.readouterr().out.split())
    assert json.loads((run / "evaluation.json").read_text())["simulator"] == "Gymnasium"
    summary = json.loads((run / "summary.json").read_text())
    rows = {row["who"]: row["return"] for row in json.loads((run / "evaluation.json").read_text())["rows"]}
    for seed in summary["seeds"]:
        assert rows[f"seed {seed['seed']}, mean action"] == pytest.approx(seed["return_mean"], abs=1e-3)


def test_retrain_uses_the_learned_cost(run):
    assert main(["retrain", str(run), "--iterations", "1", "--episodes", "2"]) == 0
    rows = json.loads((run / "retrained.json").read_text())["rows"]
    assert sum("fresh policy" in row["who"] for row in rows) == 2


@pytest.mark.slow
def test_overwrite_replaces_a_run(demos, run, tmp_path):
    out = tmp_path / "again"
    arguments = ["irl", "--env", "Pendulum-v1", "--demos", str(demos), "--out", str(out), "--algorithm", "bc", "--iterations", "1"]
    assert main([*arguments, "--num-demos", "2"]) == 0
    assert main([*arguments, "--num-demos", "2"]) == 2
    assert main([*arguments, "--num-demos", "2", "--overwrite"]) == 0
    assert main(["eval", str(out), "--episodes", "1"]) == 0
    assert main(["retrain", str(out)]) == 2


OTHERS = {
    "step": ("--level", "step"),
    "step, replay": ("--level", "step", "--past-samplers", "2"),
    "airl": ("--algorithm", "airl", "--cost", "state"),
    "gail": ("--algorithm", "gail", "--reward", "negative"),
    "sqil": ("--algorithm", "sqil", "--sac-updates", "2"),
    "iq-learn": ("--algorithm", "iq-learn", "--objective", "value", "--sac-updates", "2"),
    "f-irl": ("--algorithm", "f-irl", "--objective", "forward-kl"),
    "f-irl of a part": ("--algorithm", "f-irl", "--cost-sees", "0:2"),
    "airl, linear in a part": ("--algorithm", "airl", "--cost", "linear", "--cost-sees", "2"),
    "a part": ("--cost-sees", "0,2"),
    "step, matched starts": ("--level", "step", "--starts", "matched"),
    "guided cost, mixture, fusion": ("--algorithm", "guided-cost", "--objective", "mixture", "--past-samplers", "2"),
    "guided cost, per decision, fusion": ("--algorithm", "guided-cost", "--objective", "per-decision", "--past-samplers", "2"),
    "free starts, cloned policy": ("--starts", "free", "--init-policy", "cloned"),
    "constant cost, raw actions": ("--cost", "constant", "--actions", "raw"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHERS)
def test_every_kind_of_run_ends(case, demos, tmp_path):
    out = tmp_path / "run"
    assert main(["irl", "--env", "Pendulum-v1", "--demos", str(demos), "--out", str(out), *TINY, *OTHERS[case]]) == 0
    assert main(["eval", str(out), "--episodes", "1"]) == 0
    summary = json.loads((out / "summary.json").read_text())
    check_summary(summary)
    assert (summary["log_z"] is None) == (summary["config"]["level"] == "step")


@pytest.mark.slow
def test_what_gymnasium_does_not_have_is_judged_by_the_compiled_environment(capsys, tmp_path):
    demos, out = tmp_path / "demos.npz", tmp_path / "run"
    assert main(["expert", "--env", "Gridworld-v0", "--out", str(demos), "--num-episodes", "2", "--iterations", "1"]) == 0
    arguments = ["--algorithm", "bc", "--iterations", "1", "--num-demos", "2"]
    assert main(["irl", "--env", "Gridworld-v0", "--demos", str(demos), "--out", str(out), *arguments]) == 0
    capsys.readouterr()
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    assert "the compiled environment" in " ".join(capsys.readouterr().out.split())
    assert json.loads((out / "evaluation.json").read_text())["simulator"].startswith("the compiled environment")


def test_info_lists_versions(capsys):
    assert main(["info"]) == 0
    assert "jax" in capsys.readouterr().out

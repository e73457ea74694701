"""``triality irl`` with Gymnasium's own simulators: the whole way, and what a failing simulator leaves."""

import json

import equinox as eqx
import numpy as np
import pytest

from triality.algorithms.cost_learning import CostLearning
from triality.cli import evaluation, host_learning
from triality.cli.main import main
from triality.cli.stored import load_states, open_run
from triality.data.demonstration_file import read_demonstrations
from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import SimulatorError
from triality.export.numpy_policy import NumpyPolicy
from triality.policies.running_scaling import held
from triality.runs.checkpoint_series import CheckpointSeries

TINY = ("--iterations", "2", "--num-rollouts", "4", "--seeds", "2", "--num-demos", "2", "--policy-epochs", "1", "--policy-minibatches", "2")


@pytest.fixture
def demos(tmp_path):
    draw = np.random.default_rng(0)
    observations, actions = draw.normal(size=(400, 3)).astype(np.float32), draw.uniform(-2, 2, size=(400, 1)).astype(np.float32)
    np.savez(tmp_path / "demos.npz", observations=observations, actions=actions, lengths=np.array([200, 200]))
    return tmp_path / "demos.npz"


def one_scaling(out) -> bool:
    """Whether cost, policy and value of the stored states hold the scaling that the states say."""
    _, states = load_states(open_run(out))
    parts = (states.cost, states.policy, states.update)
    return all(eqx.tree_equal(held(part), states.scaling) for part in parts)


@pytest.mark.parametrize("level", ["step", "trajectory"])
@pytest.mark.slow
def test_a_run_on_the_host_leaves_what_every_run_leaves(level, demos, tmp_path, monkeypatch):
    monkeypatch.setattr("triality.cli.diagnosis.NUM_ON_HOST", 8)
    few = evaluation.evaluate_policies
    monkeypatch.setattr(evaluation, "evaluate_policies", lambda policies, num, task, _=2, *judge: few(policies, num, task, 2, *judge))
    traced, update = [], CostLearning.update
    monkeypatch.setattr(CostLearning, "update", lambda self, *arguments: traced.append(1) or update(self, *arguments))
    out = tmp_path / "run"
    arguments = ["irl", "--env", "Pendulum-v1", "--host", "--demos", str(demos), "--level", level, "--out", str(out), *TINY]
    moves = level == "step"
    assert main([*arguments, "--scaling", "running"] if moves else arguments) == 0
    assert len(traced) == 1, "the update of every iteration and seed is one compiled program"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["env_steps"] == 2 * 2 * 4 * 200
    assert (summary["log_z"] is None) == (level == "step")
    assert [each["seed"] for each in summary["seeds"]] == [0, 1]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(line["seed"], line["iteration"]) for line in lines] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    for line in lines:
        spent = line["seconds_physics"] + line["seconds_policy"]
        assert 0 < spent <= line["seconds_collect"]
        assert (line["scaling_moved"] > 0) == moves
    assert one_scaling(out)
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    assert main(["retrain", str(out), "--episodes", "2", "--iterations", "1"]) == 0
    assert len(json.loads((out / "retrained.json").read_text())["rows"]) == 2 + 2 + 2 + 1
    assert (out / "report.html").exists()


def test_a_simulator_that_fails_costs_nothing_that_was_learned(demos, tmp_path, monkeypatch, capsys):
    calls = []
    whole = host_learning.HostRuns._iterate

    def failing(self, state):
        calls.append(1)
        if len(calls) == 2:
            raise SimulatorError("expected a step, got smoke; call the fire brigade")
        return whole(self, state)

    monkeypatch.setattr(host_learning.HostRuns, "_iterate", failing)
    out = tmp_path / "run"
    code = main(["irl", "--env", "Pendulum-v1", "--host", "--demos", str(demos), "--level", "step", "--out", str(out), *TINY])
    assert code != 0
    found = CheckpointSeries(out).newest()
    assert found is not None
    assert found[0].step == 1
    message = " ".join(capsys.readouterr().err.split())
    assert "seed 0, iteration 2: expected a step, got smoke" in message
    assert "What was learned until then is in" in message


@pytest.mark.slow
def test_an_expert_on_the_host_records_its_starts_and_densities(tmp_path):
    path = tmp_path / "expert.npz"
    arguments = ["--num-episodes", "3", "--iterations", "1", "--policy-out", str(tmp_path / "expert")]
    assert main(["expert", "--env", "Reacher-v5", "--out", str(path), *arguments]) == 0
    demonstrations, kept = read_demonstrations(path), NumpyPolicy.load(tmp_path / "expert")
    densities = kept.log_prob(demonstrations.observations, demonstrations.actions)
    np.testing.assert_allclose(densities, demonstrations.log_prob, atol=1e-4)
    assert demonstrations.lengths.tolist() == [50, 50, 50]
    assert demonstrations.meta["reset_seeds"] == [10_000, 10_001, 10_002]
    assert demonstrations.log_prob is not None
    own = make_gymnasium("Reacher-v5")
    seen, _ = own.reset(seed=10_001)
    for step in range(50, 100):
        np.testing.assert_allclose(demonstrations.observations[step], seen, atol=1e-5)
        seen, reward, *_ = own.step(demonstrations.actions[step])
        assert demonstrations.rewards[step] == pytest.approx(reward, abs=1e-5)
    again = tmp_path / "again.npz"
    assert main(["expert", "--env", "Reacher-v5", "--expert", str(tmp_path / "expert"), "--num-episodes", "3", "--out", str(again)]) == 0
    more = read_demonstrations(again)
    np.testing.assert_array_equal(more.actions, demonstrations.actions)
    assert more.meta["expert"] == f"the policy in {tmp_path / 'expert'}"

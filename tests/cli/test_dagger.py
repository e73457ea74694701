"""``triality irl --algorithm dagger``: whom it asks, what it leaves, and what it refuses."""

import json
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli import evaluation, experiment
from triality.cli.asked_expert import expert_notes, find_expert
from triality.cli.expert_policy import load_expert
from triality.cli.main import main
from triality.cli.names import find_task
from triality.cli.stored import load_states, open_run
from triality.export.numpy_policy import NumpyPolicy
from triality.export.saved import sealed
from triality.export.write import write_policy
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import gaussian_policy, squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.specs import MUJOCO_SPECS, SPECS, absorbing_spec

PENDULUM, CARTPOLE = SPECS["Pendulum-v1"], SPECS["CartPole-v1"]
TINY = ("--algorithm", "dagger", "--iterations", "2", "--num-rollouts", "4", "--seeds", "2", "--num-demos", "2")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Two episodes of evaluation, twenty steps of cloning a round."""
    few = evaluation.evaluate_policies
    monkeypatch.setattr(evaluation, "evaluate_policies", lambda policies, num, task, _=2, *judge: few(policies, num, task, 2, *judge))
    monkeypatch.setattr(experiment, "NUM_STEPS_A_ROUND", 20)


def exported(folder, spec, make=squashed_gaussian_policy, is_absorbing=False):
    """An expert that nobody trained."""
    folder.mkdir()
    policy = make(jax.random.key(3), spec, identity_scaling(spec.observation_size), (8,))
    write_policy(folder, policy, spec, is_absorbing)
    return folder, policy


def demos(path, spec, lengths):
    draw, steps = np.random.default_rng(0), sum(lengths)
    actions = draw.integers(spec.num_actions, size=steps) if spec.is_discrete else draw.uniform(-1, 1, (steps, spec.action_size))
    np.savez(path, observations=draw.normal(size=(steps, spec.observation_size)), actions=actions, lengths=np.array(lengths))
    return path


def learned(tmp_path, spec, expert, lengths, *more: str):
    out = tmp_path / "run"
    given = ("--env", spec.name, "--demos", str(demos(tmp_path / "demos.npz", spec, lengths)), "--expert", str(expert), "--out", str(out))
    assert main(["irl", *given, *TINY, *more]) == 0
    return out


def check_folder(out, lengths, rollout_steps: int, capsys) -> list[dict]:
    """What every run leaves; and that nobody needs the expert any more. Returns the log."""
    summary, lines = json.loads((out / "summary.json").read_text()), (out / "metrics.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    assert summary["env_steps"] == 2 * 2 * rollout_steps
    assert summary["log_z"] is None
    assert sorted((line["seed"], line["iteration"]) for line in log) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    for line in log:
        assert line["beta"] == line["num_forgotten"] == 0
        assert sum(lengths) < line["num_labels"] <= sum(lengths) + line["iteration"] * rollout_steps
        assert np.isfinite([line["online_loss"], line["negative_log_likelihood"], line["return_mean"]]).all()
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    assert main(["export", str(out), "--out", str(out.parent / "exported")]) == 0
    assert "DAgger learns no cost" in capsys.readouterr().out
    assert sorted(path.name for path in (out.parent / "exported").iterdir()) == ["policy.json", "policy.safetensors"]
    assert main(["retrain", str(out)]) == 2
    assert "expected a run that learned a cost, got DAgger" in capsys.readouterr().err
    assert "It asked an expert wherever it went" in (out / "report.html").read_text()
    return log


@pytest.mark.slow
def test_a_compiled_run_asks_an_expert_that_knows_an_absorbing_state(tmp_path, capsys):
    """CartPole's episodes end, and nobody is asked after that: the policy knows no absorbing state."""
    expert, policy = exported(tmp_path / "expert", absorbing_spec(CARTPOLE), categorical_policy, is_absorbing=True)
    found = load_expert(find_expert(expert, find_task("CartPole-v1"), "error"))
    x = jnp.array([0.1, -0.2, 0.3, 0.4])
    np.testing.assert_allclose(found(x).logits, policy(jnp.append(x, 0.0)).logits)
    out = learned(tmp_path, CARTPOLE, expert, [30, 40])
    shutil.rmtree(expert)
    log = check_folder(out, [30, 40], 4 * 500, capsys)
    earned = [line["return_mean"] for line in log if line["seed"] == 0]
    assert log[-2]["num_labels"] == 70 + 4 * sum(earned)  # a step of CartPole pays one
    assert NumpyPolicy.load(out.parent / "exported").observation_size == 4


@pytest.mark.slow
def test_a_run_on_the_host_asks_the_policy_of_an_earlier_run(tmp_path, capsys):
    earlier = stored_run(tmp_path / "earlier", demos(tmp_path / "earlier.npz", PENDULUM, [200, 200]))
    first = jax.tree.map(lambda leaf: leaf[0], load_states(open_run(earlier))[1].policy)
    assert eqx.tree_equal(load_expert(find_expert(earlier, find_task("Pendulum-v1"), "error")), first)
    out = learned(tmp_path, PENDULUM, earlier, [200, 200], "--host")
    shutil.rmtree(earlier)
    log = check_folder(out, [200, 200], 4 * 200, capsys)
    assert [line["num_labels"] for line in log] == [1200, 2000] * 2
    assert all(0 < line["seconds_physics"] <= line["seconds_collect"] for line in log)


def no_expert(folder):
    return ()


REFUSED = {
    "nobody to ask": (no_expert, (), "expected --expert with --algorithm dagger, got none: demonstrations cannot be asked"),
    "nothing there": (lambda folder: folder / "none", (), "got no such folder; name one that triality expert --policy-out"),
    "no policy there": (lambda folder: folder, (), "got one without policy.json or config.json"),
    "an expert of another task": (
        lambda folder: exported(folder / "x", MUJOCO_SPECS["Swimmer-v5"])[0],
        (),
        "expected an expert for Pendulum-v1 (observations of 3 coordinates, actions from [-2.0] to [2.0]), got one of Swimmer-v5",
    ),
    "an expert of discrete actions": (lambda folder: exported(folder / "x", CARTPOLE, categorical_policy)[0], (), "2 discrete actions"),
    "an unsquashed expert": (lambda folder: exported(folder / "x", PENDULUM, gaussian_policy)[0], (), "add --actions raw"),
    "options of a cost": (lambda folder: folder, ("--cost", "state", "--past-samplers", "3"), "got --cost state, --past-samplers 3: it"),
    "another algorithm": (lambda folder: folder, ("--algorithm", "gail"), "expected --algorithm dagger with --expert, got gail"),
    "cloning": (lambda folder: folder, ("--algorithm", "bc"), "options of behavioral cloning with --algorithm bc, got --expert"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case, tmp_path, capsys):
    make, more, fragment = REFUSED[case]
    folder = tmp_path / "there"
    folder.mkdir()
    expert = make(folder)
    asked = ("--expert", str(expert)) if expert else ()
    given = ("--env", "Pendulum-v1", "--demos", str(tmp_path / "demos.npz"), "--out", str(tmp_path / "run"), "--algorithm", "dagger")
    assert main(["irl", *given, *asked, *more]) == 2
    message = capsys.readouterr().err
    assert fragment in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_an_unsquashed_expert_goes_with_raw_actions_and_another_id_is_noted(tmp_path):
    expert, _ = exported(tmp_path / "x", PENDULUM, gaussian_policy)
    found = find_expert(expert, find_task("Pendulum-v1"), "raw")
    assert not found.is_squashed
    assert expert_notes(found, find_task("Pendulum-v1")) == ()
    description = json.loads((expert / "policy.json").read_text())
    unsealed = {name: value for name, value in description.items() if "blake2b" not in name}
    other = sealed({**unsealed, "environment": "Swing-v0"}, (expert / "policy.safetensors").read_bytes())
    (expert / "policy.json").write_text(json.dumps(other))
    task = find_task("Pendulum-v1")
    (note,) = expert_notes(find_expert(expert, task, "raw"), task)
    assert "learned in Swing-v0" in note

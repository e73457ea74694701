"""A cost of Ant-v5 taken to the ant with two disabled legs, by the commands alone: ``DisabledAnt-v0`` is an environment like any other."""

import json
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli import evaluation, host_retrain
from triality.cli.main import main
from triality.cli.names import Hosting, find_task
from triality.cli.policy_update import make_update_rule
from triality.cli.stored import load_states, open_run
from triality.data.demonstration_file import read_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS
from triality.errors import ConfigError
from triality.simulators.endings import Restarted

ZERO = RANDOM_RETURNS["DisabledAnt-v0"].mean


def test_fresh_policies_learn_and_are_judged_in_the_disabled_ant(tmp_path, monkeypatch):
    """Hosted as the run in the whole ant was."""
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", env="Ant-v5", algorithm="airl", cost="state", seeds=1, max_restarts=3)
    trained, judged = [], []

    def untrained(there, states, *rest):
        trained.append((there.task, there.options.temperature))
        return states.policy

    def judge(policies, num_seeds, task, episodes):
        judged.append(task)
        return [{"mean": np.full(episodes, 583.0), "sampled": np.full(episodes, 311.0)}] * num_seeds

    monkeypatch.setattr(host_retrain, "retrained", untrained)
    monkeypatch.setattr(evaluation, "evaluate_policies", judge)
    tiny = ("--iterations", "1", "--episodes", "2", "--temperature", "0.25")
    assert main(["retrain", str(run), "--env", "DisabledAnt-v0", "--expert-return", "1500", *tiny]) == 0
    changed = find_task("DisabledAnt-v0")._replace(hosting=Hosting(0, 3))
    assert trained == [(changed, 0.25)]
    assert judged == [changed._replace(spec=changed.bare)], "fresh policies see no absorbing indicator"
    written = json.loads((run / "transfer.json").read_text())
    assert (written["learned_in"], written["env"], written["simulator"]) == ("Ant-v5", "DisabledAnt-v0", "Gymnasium")
    rows = {row["who"]: (row["return"], row["normalized"]) for row in written["rows"]}
    assert rows["random actions"] == (ZERO, 0.0)
    assert rows["policy trained there on the true reward"] == (1500.0, 1.0)
    np.testing.assert_allclose(rows["fresh policy, cost of seed 5"], (583.0, (583.0 - ZERO) / (1500.0 - ZERO)))
    assert [row.get("sampled") for row in written["rows"]] == [None, None, 311.0, None]


def test_fresh_policies_begin_anew_where_they_fall_under_the_cost_beside_the_end(tmp_path, monkeypatch):
    """And without what the run did for the sake of a cloned policy."""
    choices = {"cost": "linear", "init_policy": "cloned", "max_kl": 0.05, "level": "trajectory", "max_restarts": 3}
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", env="Ant-v5", algorithm="gan-gcl", seeds=1, **choices)
    seen = {}

    def beside(cost, spec, temperature):
        seen.update(spec=spec.name, size=spec.observation_size, temperature=temperature)
        return lambda x, u: cost(jnp.append(x, 0.0), u)

    def rule(options, task):
        seen.update(max_kl=options.max_kl, is_absorbing=task.is_absorbing)
        return make_update_rule(options, task)

    def collector(simulators, ending):
        seen.update(ending=type(ending))
        simulators.close()
        raise ConfigError("expected nothing more, got enough; stop here")

    for name, replacement in (("cost_beside_end", beside), ("make_update_rule", rule), ("Collector", collector)):
        monkeypatch.setattr(host_retrain, name, replacement)
    assert main(["retrain", str(run), "--env", "DisabledAnt-v0", "--temperature", "0.25", "--iterations", "1"]) != 0
    assert seen == {"max_kl": None, "is_absorbing": False, "ending": Restarted}
    monkeypatch.setattr(host_retrain, "Collector", lambda simulators, ending: Stub())
    assert main(["retrain", str(run), "--env", "DisabledAnt-v0", "--temperature", "0.25", "--iterations", "1", "--overwrite"]) != 0
    assert (seen["spec"], seen["size"], seen["temperature"]) == ("DisabledAnt-v0", 105, 0.25)


class Stub:
    """Of a collector that cannot collect."""

    horizon = 5

    def collect(self, *given):
        raise ConfigError("expected nothing more, got enough; stop here")


def test_the_two_ants_are_tasks_of_the_same_sizes():
    ours, theirs = find_task("DisabledAnt-v0"), find_task("Ant-v5")
    assert ours.on_host
    assert ours.is_absorbing
    assert not ours.is_ours, "Gymnasium judges it"
    assert ours.spec == replace(theirs.spec, name="DisabledAnt-v0")
    assert find_task("DisabledAnt-v0", host=True) == ours
    with pytest.raises(ConfigError, match="did you mean 'DisabledAnt-v0'"):
        find_task("DisabledAnt-v1")


TINY = ("--algorithm", "airl", "--cost", "state", "--num-demos", "2", "--iterations", "1", "--num-rollouts", "4")
QUICK = ("--policy-epochs", "1", "--policy-minibatches", "2")
EXPERT = Path(__file__).parents[2] / "benchmarks" / "experts" / "ant"


@pytest.fixture
def two_episodes(monkeypatch):
    monkeypatch.setattr("triality.cli.diagnosis.NUM_ON_HOST", 4)
    few = evaluation.evaluate_policies
    monkeypatch.setattr(evaluation, "evaluate_policies", lambda policies, num, task, _=2, *judge: few(policies, num, task, 2, *judge))


def recorded(tmp_path, env):
    """Two demonstrations of the whole ant's expert, in either body."""
    out = str(tmp_path / f"{env}.npz")
    assert main(["expert", "--env", env, "--expert", str(EXPERT), "--out", out, "--num-episodes", "2"]) == 0
    return out


@pytest.mark.slow
@pytest.mark.usefixtures("two_episodes")
def test_a_cost_of_the_whole_ant_trains_a_policy_in_the_disabled_one(tmp_path):
    """Nothing is replaced here: the command trains in simulators of the one body for the cost of the other."""
    run = tmp_path / "run"
    assert main(["irl", "--env", "Ant-v5", "--demos", recorded(tmp_path, "Ant-v5"), "--out", str(run), *TINY, *QUICK]) == 0
    before = load_states(open_run(run))[1].cost
    transfer = ["retrain", str(run), "--env", "DisabledAnt-v0", "--iterations", "1", "--expert-return", "1500"]
    assert main(transfer) == 0
    assert eqx.tree_equal(before, load_states(open_run(run))[1].cost), "the cost is taken along as it is"
    rows = json.loads((run / "transfer.json").read_text())["rows"]
    assert [row["who"] for row in rows[:2]] == ["random actions", "policy trained there on the true reward"]
    assert all(np.isfinite(row["normalized"]) for row in rows)
    assert rows[-1]["return"] < 1500.0


@pytest.mark.slow
@pytest.mark.usefixtures("two_episodes")
def test_the_disabled_ant_is_learned_from_in_workers_and_judged_by_gymnasium(tmp_path):
    out = tmp_path / "run"
    demos = recorded(tmp_path, "DisabledAnt-v0")
    assert main(["irl", "--env", "DisabledAnt-v0", "--demos", demos, "--out", str(out), *TINY, *QUICK, "--workers", "2"]) == 0
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    judged = json.loads((out / "evaluation.json").read_text())
    assert judged["simulator"] == "Gymnasium"
    assert judged["rows"][0]["return"] == ZERO
    assert all(np.isfinite(row["return"]) for row in judged["rows"])


@pytest.mark.slow
def test_an_expert_of_the_disabled_ant(tmp_path):
    out = tmp_path / "expert.npz"
    assert main(["expert", "--env", "DisabledAnt-v0", "--out", str(out), "--num-episodes", "2", "--iterations", "1"]) == 0
    assert read_demonstrations(out).meta["environment"] == "DisabledAnt-v0"

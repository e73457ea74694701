"""``triality irl --actors``: refused where it makes no sense, learned from all the same where it does."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from triality.cli import actor_options, evaluation, host_collector
from triality.cli.actor_options import actor_problems, share_problems
from triality.cli.irl import check_options, task_of
from triality.cli.main import main
from triality.cli.options import IrlOptions
from triality.errors import ConfigError
from triality.remote.in_process import InProcessActors, Script

TINY = ("--iterations", "4", "--num-rollouts", "4", "--seeds", "2", "--num-demos", "2", "--policy-epochs", "1", "--policy-minibatches", "2")
HAS_RAY = importlib.util.find_spec("ray") is not None


def options(env="Pendulum-v1", **more):
    return IrlOptions(env, Path("demos.npz"), Path("out"), **{"host": True, "actors": 2, **more})


CASES = {
    "a compiled environment": ({"host": False}, "no --actors with Pendulum-v1, got 2: it is compiled; add --host"),
    "fewer than none": ({"actors": -1}, "--actors of at least 0, got -1"),
    "a staleness below none": ({"max_staleness": -1}, "--max-staleness of at least 0, got -1"),
    "workers too": ({"workers": 3}, "expected --actors or --workers, got 2 and 3"),
    "cloning": ({"algorithm": "bc"}, "no --actors with --algorithm bc, got 2: it rolls nothing out"),
    "an expert that is asked": ({"algorithm": "dagger"}, "its expert may act too"),
    "late roll-outs of f-irl": ({"algorithm": "f-irl", "max_staleness": 1}, "--max-staleness 0 with --algorithm f-irl, got 1"),
    "a cluster for nobody": ({"actors": 0, "ray_address": "auto"}, "expected --actors with --ray-address auto, got none"),
    "a staleness of nobody": ({"actors": 0, "max_staleness": 2}, "expected --actors with --max-staleness 2, got none"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_makes_no_sense_is_refused(case, monkeypatch):
    monkeypatch.setattr(actor_options, "find_spec", lambda name: name)
    given, fragment = CASES[case]
    made = options(**given)
    problems = actor_problems(made, task_of(made))
    assert len(problems) == 1
    assert fragment in problems[0]


def test_without_ray_it_is_said_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(actor_options, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'package ray with --actors, got none installed; do pip install "triality\[ray\]"'):
        check_options(options())


def test_roll_outs_are_shared_out_evenly(monkeypatch):
    monkeypatch.setattr(actor_options, "find_spec", lambda name: name)
    with pytest.raises(ConfigError, match=r"multiple of --actors, got 16 and 3; set --num-rollouts 18"):
        check_options(options("HalfCheetah-v5", actors=3, level="step"))
    assert share_problems(options(num_rollouts=16)) == []
    assert actor_problems(options(max_staleness=1), task_of(options())) == []


@pytest.fixture
def demos(tmp_path):
    draw = np.random.default_rng(0)
    observations, actions = draw.normal(size=(400, 3)).astype(np.float32), draw.uniform(-2, 2, size=(400, 1)).astype(np.float32)
    np.savez(tmp_path / "demos.npz", observations=observations, actions=actions, lengths=np.array([200, 200]))
    return tmp_path / "demos.npz"


def learned(demos, out, monkeypatch, *more):
    monkeypatch.setattr("triality.cli.diagnosis.NUM_ON_HOST", 8)
    few = evaluation.evaluate_policies
    monkeypatch.setattr(evaluation, "evaluate_policies", lambda policies, num, task, _=2, *judge: few(policies, num, task, 2, *judge))
    arguments = ["irl", "--env", "Pendulum-v1", "--host", "--demos", str(demos), "--out", str(out), *TINY, "--actors", "2", *more]
    assert main(arguments) == 0
    assert main(["eval", str(out), "--episodes", "2"]) == 0
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:expected actor")
@pytest.mark.parametrize("level", ["step", "trajectory"])
@pytest.mark.parametrize("max_staleness", [0, 1])
def test_a_run_with_actors_learns(level, max_staleness, demos, tmp_path, monkeypatch):
    """By actors that follow a script, one of which dies; asked in step with the updates, or ahead of them."""

    def scripted(make, num, horizon, ending, address):
        assert address is None
        return InProcessActors(make, num, horizon, ending, Script(deaths=frozenset({(1, 3)})))

    monkeypatch.setattr(actor_options, "find_spec", lambda name: name)
    monkeypatch.setattr(host_collector, "RayActors", scripted)
    lines = learned(demos, tmp_path / "run", monkeypatch, "--level", level, "--max-staleness", str(max_staleness))
    assert [(line["seed"], line["iteration"]) for line in lines] == [(seed, i) for seed in (0, 1) for i in (1, 2, 3, 4)]
    assert sum(line["restarts"] for line in lines) == 1
    assert sum(line["lost"] for line in lines) == 2
    assert all(line["is_finite"] and line["skipped"] == 0 for line in lines)
    if max_staleness:
        assert [line["staleness"] for line in lines if line["iteration"] == 1] == [0, 0]
        assert max(line["staleness"] for line in lines) == 1


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed; it is the extra ray")
def test_a_run_with_actors_of_ray_learns(demos, tmp_path, monkeypatch):
    import ray

    lines = learned(demos, tmp_path / "run", monkeypatch, "--level", "step", "--max-staleness", "1")
    assert all(line["is_finite"] for line in lines)
    assert not ray.is_initialized(), "the cluster of one's own ends with the run"

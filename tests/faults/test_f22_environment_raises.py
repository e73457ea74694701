"""F22: an environment that raises, at whatever call: a full account of it, no half episodes, and as many new attempts as were granted."""

import json

import jax
import numpy as np
import pytest

from tests.faults import faulty_environments
from tests.faults.processes import NEEDS_PROC, are_gone_within, zombies
from triality.cli.main import main
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.errors import SimulatorError, WorkerReplacedError
from triality.export.numpy_policy import NumpyPolicy
from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.simulators.collector import Collector
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.worker_batch import WorkerBatch

LINE, FAILING = (f"tests.faults.faulty_environments:{name}-v0" for name in ("Line", "Failing"))
KEY, NUM = jax.random.key(0), 2


@pytest.fixture
def fail(monkeypatch):
    """Says at which call, how, and whether once."""

    def say(at, how="raise", mark=None):
        for name, value in {"AT": at, "HOW": how, "MARK": mark}.items():
            if value is not None:
                monkeypatch.setenv(f"TRIALITY_FAIL_{name}", str(value))
        monkeypatch.setattr(faulty_environments.Failing, "calls", 0)

    return say


def collected(batch):
    collector = Collector(batch)
    policy = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(2), (8,))
    try:
        return collector.collect(KEY, policy, 2 * NUM)
    finally:
        collector.close()


@pytest.fixture(scope="module")
def healthy():
    return collected(GymnasiumBatch(LINE, NUM))


def assert_equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def place_of_call(k):
    """Which simulator's reset (step 0) or step the k-th call is: two resets, then both step in turn, twelve times, and again."""
    round_of = (k - 1) % (NUM * 13)
    return round_of // NUM, round_of % NUM


def account(k, error):
    step, simulator = place_of_call(k)
    deed = f"step {step} of simulator {simulator} by action [" if step else f"reset of simulator {simulator} with seed "
    assert deed in str(error)
    assert f"in worker 0 of {FAILING} to go on, got ValueError: the motor burned" in str(error)
    assert "in raise_one\n" in str(error)
    assert 'raise ValueError("the motor burned")' in str(error)
    assert error.exit_code == 4


@pytest.mark.parametrize("k", range(1, 31))
def test_raising_at_any_call_in_this_process(k, fail):
    fail(k)
    step, simulator = place_of_call(k)
    what = f"step {step} of an episode: expected step" if step else "expected reset"
    with pytest.raises(SimulatorError, match=f"{what} of simulator {simulator} to go on, got ValueError: the motor burned"):
        collected(GymnasiumBatch(FAILING, NUM))


@pytest.mark.parametrize("k", [9])
def test_raising_in_a_worker(k, fail):
    raising_in_a_worker(k, fail)


@pytest.mark.faults
@pytest.mark.parametrize("k", range(1, 31))
def test_raising_at_any_call_in_a_worker(k, fail, tmp_path, healthy):
    raising_in_a_worker(k, fail)
    fail(k, mark=tmp_path / "failed")
    with pytest.warns(RuntimeWarning, match="restart 1 of 1"):
        assert_equal(collected(WorkerBatch(FAILING, NUM, 1, max_restarts=1)), healthy)


def raising_in_a_worker(k, fail):
    fail(k)
    batch = WorkerBatch(FAILING, NUM, 1)
    pids = batch.process_ids
    with pytest.raises(SimulatorError) as raised:
        collected(batch)
    account(k, raised.value)
    assert are_gone_within(1.0, pids)
    with pytest.raises(SimulatorError, match=r"got one that has ended: expected .* the motor burned"):
        batch.reset([0, 1])


@pytest.mark.parametrize("k", [8])
def test_an_episode_that_was_lost_is_played_again_as_if_nothing_had_happened(k, fail, tmp_path, healthy):
    fail(k, mark=tmp_path / "failed")
    with pytest.warns(RuntimeWarning, match="the motor burned"):
        again = collected(WorkerBatch(FAILING, NUM, 2, max_restarts=1))
    assert_equal(again, healthy)
    assert (tmp_path / "failed").exists()


@NEEDS_PROC
def test_no_more_restarts_than_were_granted(fail):
    fail(5)
    batch, pids = WorkerBatch(FAILING, NUM, 1, max_restarts=2), set()
    for attempt in range(3):
        pids |= set(batch.process_ids)
        batch.reset([0, 1])
        batch.step(np.zeros((2, 1)), np.ones(2, bool))
        with pytest.raises(SimulatorError, match="the motor burned") as raised:
            batch.step(np.zeros((2, 1)), np.ones(2, bool))
        assert isinstance(raised.value, WorkerReplacedError) == (attempt < 2)
        assert batch.restarts == min(attempt + 1, 2)
    assert len(pids) == 3
    assert are_gone_within(1.0, pids)
    assert zombies() == []


def test_an_environment_that_cannot_be_made_says_why():
    with pytest.raises(SimulatorError, match=r"(?s)making of its environments in worker 0 .* got OSError: no such robot.*in __init__"):
        WorkerBatch("tests.faults.faulty_environments:NeverMade-v0", 2, 2, max_restarts=5)


@pytest.fixture
def learn(tmp_path):
    """``triality irl`` in few steps; the random actions that it begins with are 260 calls of one worker, the training is another's."""
    demos, draw = tmp_path / "line.npz", np.random.default_rng(0)
    columns = {"observations": draw.normal(size=(48, 2)), "actions": draw.uniform(-0.9, 0.9, (48, 1)), "lengths": [12] * 4}
    write_demonstrations(demos, Demonstrations.from_arrays({**columns, "rewards": np.zeros(48)}, {}))
    told = ("--env", FAILING, "--host", "--demos", str(demos), "--level", "step", "--num-rollouts", "4", "--num-pairs", "0")

    def run(name, *more):
        return main(["irl", *told, "--policy-minibatches", "4", *more, "--out", str(tmp_path / name)]), tmp_path / name

    return run


@pytest.mark.faults
def test_what_was_learned_before_a_worker_died_is_there_to_be_used(fail, learn, tmp_path, capsys):
    fail(300, "eat")
    code, out = learn("run", "--workers", "1", "--max-restarts", "0", "--iterations", "30")
    message = " ".join(capsys.readouterr().err.split())
    assert code == 4
    assert "worker 0 of tests.faults.faulty_environments:Failing-v0" in message
    assert "by SIGKILL (signal 9)" in message
    assert "What was learned until then" in message
    assert main(["export", str(out), "--out", str(tmp_path / "exported")]) == 0
    assert NumpyPolicy.load(tmp_path / "exported").act(np.zeros(3)).shape == (1,)


@pytest.mark.faults
def test_a_run_whose_worker_was_killed_learns_the_same(fail, learn, tmp_path):
    fail(10**9)
    assert learn("plain", "--iterations", "8")[0] == 0
    fail(300, "eat", tmp_path / "failed")
    with pytest.warns(RuntimeWarning, match=r"(?s)crashed or was killed, .* restart 1 of 3, 2 left.* by SIGKILL.* are played again"):
        assert learn("killed", "--iterations", "8", "--workers", "1")[0] == 0
    assert (tmp_path / "failed").exists()
    plain, killed = (json.loads((tmp_path / name / "summary.json").read_text())["iqm"] for name in ("plain", "killed"))
    assert plain == killed

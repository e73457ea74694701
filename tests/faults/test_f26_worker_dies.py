"""F26: a worker that dies, of whatever, is noticed within seconds and named with its signal; nobody is left over."""

import os
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest

from tests.faults.processes import NEEDS_PROC, are_gone_within, zombies
from triality.errors import WorkerDiedError, WorkerReplacedError
from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.simulators.collector import Collector
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.worker_batch import WorkerBatch

LINE, FAILING, HELPED, SLOW = (f"tests.faults.faulty_environments:{name}-v0" for name in ("Line", "Failing", "WithHelper", "Slow"))
ALL, SECONDS = np.ones(4, bool), 5.0
ENDS = {
    "eat": r"by SIGKILL \(signal 9\); .* for want of memory",
    "crash": r"(?s)by SIGSEGV \(signal 11\); its stack:.* in crash\n.* native code failed",
    "leave": "with exit code 3; find out what in the environment ends the process",
}


def step(batch):
    return batch.step(np.zeros((4, 1)), ALL)


@NEEDS_PROC
@pytest.mark.parametrize("how", ENDS)
def test_a_death_is_named_and_the_others_are_joined(how, monkeypatch):
    monkeypatch.setenv("TRIALITY_FAIL_AT", "4")
    monkeypatch.setenv("TRIALITY_FAIL_HOW", how)
    batch = WorkerBatch(FAILING, 4, 2)
    pids = batch.process_ids
    batch.reset([0, 1, 2, 3])
    began = time.monotonic()
    with pytest.raises(WorkerDiedError, match=ENDS[how]) as raised:
        step(batch)
    assert time.monotonic() - began < SECONDS
    assert "to live through step 1 of simulator" in str(raised.value)
    assert raised.value.exit_code == 4
    assert are_gone_within(1.0, pids)
    assert zombies() == []


def test_in_this_process_the_same_crash_ends_the_program():
    """The control: what workers are for."""
    program = (
        f"import os, sys; sys.path[:] = {sys.path!r}; os.environ.update(TRIALITY_FAIL_AT='2', TRIALITY_FAIL_HOW='crash'); "
        "import numpy as np; "
        "from triality.simulators.gymnasium_batch import GymnasiumBatch; "
        f"batch = GymnasiumBatch('{FAILING}', 1); batch.reset([0]); batch.step(np.zeros((1, 1)), np.ones(1, bool))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60).returncode == -signal.SIGSEGV


@NEEDS_PROC
@pytest.mark.parametrize("env_id", [LINE, HELPED])
def test_a_worker_that_is_killed_between_two_steps_is_missed_at_the_next(env_id):
    """Also where a process that it has started holds its end of the socket."""
    batch = WorkerBatch(env_id, 4, 2)
    batch.reset([0, 1, 2, 3])
    pids = batch.process_ids
    os.kill(pids[1], signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(WorkerDiedError, match=r"worker 1 of .* by SIGKILL"):
        step(batch)
    assert time.monotonic() - began < SECONDS
    assert are_gone_within(1.0, pids)
    assert zombies() == []


@NEEDS_PROC
def test_a_kill_costs_an_episode_and_nothing_else():
    killed_at_random(1)


@NEEDS_PROC
@pytest.mark.faults
def test_twenty_kills_cost_twenty_episodes_and_nothing_else():
    killed_at_random(20)


def killed_at_random(times):
    """Batches of episodes under kills at random moments are those of a batch that nobody kills."""
    draw = np.random.default_rng(times)
    batch = WorkerBatch(SLOW, 4, 2, max_restarts=times)
    ours, theirs = Collector(batch, horizon=3), Collector(GymnasiumBatch(LINE, 4), horizon=3)
    policy = gaussian_policy(jax.random.key(1), ours.spec, identity_scaling(2), (8,))
    expected = theirs.collect(jax.random.key(0), policy, 4)
    ours.collect(jax.random.key(0), policy, 4)
    everyone = set(batch.process_ids)
    while batch.restarts < times:
        before = batch.restarts
        victim = batch.process_ids[draw.integers(2)]
        timer = threading.Timer(draw.uniform(0.0, 0.5), os.kill, (victim, signal.SIGKILL))
        timer.start()
        while batch.restarts == before:
            collected = with_warnings(lambda: ours.collect(jax.random.key(0), policy, 4))
            for one, other in zip(jax.tree.leaves(collected), jax.tree.leaves(expected), strict=True):
                np.testing.assert_array_equal(one, other)
        timer.join()
        assert batch.restarts == before + 1
        everyone |= set(batch.process_ids)
        assert zombies() == []
    assert len(everyone) == times + 2
    ours.close()
    assert are_gone_within(1.0, everyone)


def with_warnings(call):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return call()


def test_without_a_restart_left_the_collector_says_what_happened():
    collector = Collector(batch := WorkerBatch(LINE, 4, 2))
    policy = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(2), (8,))
    os.kill(batch.process_ids[0], signal.SIGKILL)
    with pytest.raises(
        WorkerDiedError, match=r"Line-v0: expected worker 0 .* through reset of simulator 0 with seed \d+, got its end by SIGKILL"
    ):
        collector.collect(jax.random.key(0), policy, 4)
    assert not issubclass(WorkerDiedError, WorkerReplacedError)
    collector.close()

"""F27: workers do not outlive the process that asked for them, whatever they are doing when it is killed."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.faults.processes import NEEDS_PROC, are_gone_within, running_in_group

SECONDS = 5.0
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
WITHOUT_GUARD = START + "import triality.simulators.worker as worker; worker.end_with = lambda life: None; worker.main()"
BY_THREAD = START + "import fcntl; del fcntl.F_SETSIG; from triality.simulators.worker import main; main()"

PARENT = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
env, start = sys.argv[2], sys.argv[4]
os.environ.update(TRIALITY_FAIL_AT="5", TRIALITY_FAIL_HOW=sys.argv[3])
import numpy as np
from triality.simulators import worker_process
from triality.simulators.worker_batch import WorkerBatch
worker_process.START = start or worker_process.START
batch = WorkerBatch("tests.faults.faulty_environments:" + env, 4, 2)
batch.reset([0, 1, 2, 3])
batch.step(np.zeros((4, 1)), np.ones(4, bool))
print(json.dumps(batch.process_ids), flush=True)
if env.startswith("Failing"):
    batch.step(np.zeros((4, 1)), np.ones(4, bool))
sys.stdin.read()
"""


def killed(env, how="hang", start=""):
    """The workers of a parent that was killed, and what they have started; those of Failing hang by then, the others are idle."""
    arguments = [sys.executable, "-c", PARENT, json.dumps(sys.path), env, how, start]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        workers = json.loads(parent.stdout.readline())
        pids = [pid for worker in workers for pid in running_in_group(worker)]
        assert len(pids) == (6 if env.startswith("WithHelper") else 2)
        assert not are_gone_within(0.3, pids)  # nor do they end by themselves
        parent.send_signal(signal.SIGKILL)
    return pids


@NEEDS_PROC
@pytest.mark.parametrize(
    ("env", "how", "start"), [("Failing-v0", "lock", ""), ("WithHelper-v0", "", ""), ("Failing-v0", "hang", BY_THREAD)]
)
def test_workers_end_when_their_parent_is_killed(env, how, start):
    """While one holds Python's lock for an hour; with a process of its own; and where the system has no signal for it."""
    assert are_gone_within(SECONDS, killed(env, how, start))


@NEEDS_PROC
def test_a_worker_without_the_guard_lives_on():
    """The control: the same look finds those that do."""
    pids = killed("Failing-v0", "hang", WITHOUT_GUARD)
    try:
        assert not are_gone_within(2.0, pids)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@NEEDS_PROC
@pytest.mark.faults
def test_ten_times():
    for _ in range(10):
        assert are_gone_within(SECONDS, killed("Failing-v0", "hang"))


@NEEDS_PROC
def test_a_program_that_forgets_to_close_leaves_nobody():
    arguments = [sys.executable, "-c", PARENT, json.dumps(sys.path), "Line-v0", "", ""]
    ended = subprocess.run(arguments, input="", capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == ""
    assert are_gone_within(SECONDS, json.loads(ended.stdout))

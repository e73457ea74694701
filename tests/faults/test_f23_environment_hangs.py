"""F23: an environment that hangs is given up at its patience; its stack is told, and it is ended with all that it has started."""

import time

import numpy as np
import pytest

from tests.faults.processes import NEEDS_PROC, are_gone_within, running_in_group, zombies
from triality.errors import SimulatorError, SimulatorTimeoutError, WorkerReplacedError
from triality.simulators.worker_batch import WorkerBatch

FAILING, HELPED = (f"tests.faults.faulty_environments:{name}-v0" for name in ("Failing", "WithHelper"))
PATIENCE, GRACE = 0.5, 2.0
ALL = np.ones(4, bool)


@pytest.fixture
def hanging(monkeypatch):
    """Two workers; the first's second simulator hangs in its second step, and so would the second's."""

    def make(how, **options):
        monkeypatch.setenv("TRIALITY_FAIL_AT", "6")
        monkeypatch.setenv("TRIALITY_FAIL_HOW", how)
        batch = WorkerBatch(FAILING, 4, 2, patience=PATIENCE, **options)
        batch.reset([0, 1, 2, 3])
        batch.step(np.zeros((4, 1)), ALL)
        return batch

    return make


@NEEDS_PROC
@pytest.mark.parametrize(("how", "function"), [("hang", "hang"), ("lock", "hang_with_the_lock")])
def test_who_hangs_is_given_up_and_its_stack_told(how, function, hanging):
    batch = hanging(how)
    pids, began = batch.process_ids, time.monotonic()
    with pytest.raises(SimulatorTimeoutError) as raised:
        batch.step(np.zeros((4, 1)), ALL)
    assert PATIENCE <= time.monotonic() - began < PATIENCE + GRACE
    message = str(raised.value)
    assert f"step 2 of simulator 1 by action [0.] in worker 0 of {FAILING} to return within 0.5 s, got nothing; its stack:" in message
    assert f"in {function}\n" in message
    assert raised.value.exit_code == 4
    assert are_gone_within(1.0, pids)
    assert zombies() == []


def test_who_hangs_is_replaced(hanging, monkeypatch):
    batch = hanging("hang", max_restarts=2)
    monkeypatch.setenv("TRIALITY_FAIL_AT", "1000")
    with pytest.raises(WorkerReplacedError, match=r"(?s)worker 0 .* restart 1 of 2") as raised:
        batch.step(np.zeros((4, 1)), ALL)
    assert str(raised.value).startswith(
        f"worker 0 of {FAILING} with simulators 0 to 1 hung, and another has taken its place: restart 1 of 2, 1 left. What is lost is the "
        "episodes under way in all 4 simulators, 8 steps since their reset. What happened:\n  expected step 2 of simulator 1"
    )
    with pytest.raises(SimulatorError, match="expected a reset of all simulators after a worker was replaced, got a step"):
        batch.step(np.zeros((4, 1)), ALL)
    with pytest.raises(
        WorkerReplacedError, match=r"(?s)worker 1 .* hung, .* restart 2 of 2, none left"
    ):  # it hangs as well, and is found now
        batch.reset([0, 1, 2, 3])
    batch.reset([0, 1, 2, 3])
    for _ in range(9):
        batch.step(np.zeros((4, 1)), ALL)
    assert batch.restarts == 2
    batch.close()


def test_patience_is_each_simulators_own(monkeypatch):
    """Four times as long as its patience in all, and nobody is late."""
    batch = WorkerBatch("tests.faults.faulty_environments:Slow-v0", 8, 1, patience=0.4)
    batch.reset(range(8))
    began = time.monotonic()
    batch.step(np.zeros((8, 1)), np.ones(8, bool))
    assert time.monotonic() - began > 0.8
    batch.close()


@NEEDS_PROC
def test_what_it_has_started_ends_with_it():
    batch = WorkerBatch(HELPED, 1, 1)
    (group,) = batch.process_ids
    batch.reset([0])
    both = running_in_group(group)
    assert len(both) == 2
    batch.close()
    assert are_gone_within(1.0, both)

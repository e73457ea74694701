"""F28: one of two processes of a run is killed, or asked to stop. The other ends soon, by an error of its own; the checkpoint is good."""

import signal
import time

import pytest

from tests.devices.together import ROOT, run_together, said, started
from triality.runs.checkpoint_series import CheckpointSeries

DEMOS = str(ROOT / "examples" / "pendulum_demos.npz")
IRL = ("irl", "--env", "Pendulum-v1", "--demos", DEMOS, "--num-demos", "2", "--num-rollouts", "6", "--checkpoint-every", "0")
EBM = (
    *("ebm", "--target", "two-moons", "--num-data", "500", "--objective", "gan", "--generator", "gaussian", "--generator-steps", "80"),
    *("--energy-steps", "8000", "--num-drawn", "200", "--temperatures", "0", "--batch-size", "16", "--checkpoint-every", "0"),
)
LONG, SHORT = ("--iterations", "2000"), ("--iterations", "30")
BOUND = 45.0
"""Seconds: one and a half times as long as a process may be silent before it counts as lost."""

pytestmark = pytest.mark.faults


def under_way(words, out):
    """Both processes, once there are two checkpoints."""
    processes = started(words, out)
    until = time.monotonic() + 200
    while len(CheckpointSeries(out).paths()) < 2 or CheckpointSeries(out).newest_readable().step == 0:
        assert all(process.poll() is None for process in processes), "\n".join(said(out, index)[-2000:] for index in (0, 1))
        assert time.monotonic() < until
        time.sleep(0.1)
    return processes


def ended(processes, seconds):
    try:
        return [process.wait(seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("words", [(*IRL, *LONG), EBM], ids=["irl", "ebm"])
def test_the_one_that_is_left_ends_and_the_run_goes_on(words, lost, tmp_path):
    out = tmp_path / "run"
    processes = under_way(words, out)
    processes[lost].kill()
    began = time.monotonic()
    codes = ended(processes, BOUND)
    assert time.monotonic() - began < BOUND
    assert codes[lost] == -signal.SIGKILL
    assert codes[1 - lost] == 8, said(out, 1 - lost)[-3000:]
    assert "another one has ended or cannot be reached" in said(out, 1 - lost)
    found = CheckpointSeries(out).newest()
    assert found is not None
    assert found[1] == []  # none was damaged
    if words != EBM:
        shorter = tuple(str(found[0].step + 5) if word == LONG[1] else word for word in words)
        run_together((*shorter, "--resume"), out)
        assert (out / "summary.json").is_file()


@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_stops_both(asked, tmp_path):
    out = tmp_path / "run"
    processes = under_way((*IRL, *LONG), out)
    processes[asked].send_signal(signal.SIGTERM)
    assert ended(processes, BOUND) == [75, 75], "\n".join(said(out, index)[-2000:] for index in (0, 1))
    assert "stopped by SIGTERM" in said(out, 0)
    step = CheckpointSeries(out).newest()[0].step
    assert f"after step {step}" in said(out, 0)

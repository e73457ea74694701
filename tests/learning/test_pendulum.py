"""It learns: whole runs of the command, judged in Gymnasium itself. Minutes each, so they wait for ``make test-slow``."""

import json
import os
from pathlib import Path

import pytest

from triality.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "examples" / "pendulum_demos.npz"
REAL = Path(os.environ.get("TRIALITY_DATA", ROOT.parent / "shared" / "data")) / "demos_pendulum.npz"

pytestmark = pytest.mark.slow


def iqm(out: Path, *arguments: str) -> float:
    assert main(["irl", "--env", "Pendulum-v1", "--out", str(out), "--num-demos", "5", "--seeds", "3", *arguments]) == 0
    return json.loads((out / "summary.json").read_text())["iqm"]["return_normalized"]


@pytest.mark.parametrize("algorithm", ["gan-gcl", "guided-cost"])
def test_whole_trajectories_of_the_shipped_demonstrations(algorithm, tmp_path):
    assert iqm(tmp_path / "run", "--demos", str(SHIPPED), "--algorithm", algorithm) >= 0.95


def test_single_steps_of_the_shipped_demonstrations(tmp_path):
    assert iqm(tmp_path / "run", "--demos", str(SHIPPED), "--level", "step") >= 0.95


def test_soft_actor_critic_on_a_sixth_of_the_environment_steps(tmp_path):
    """Sixteen roll-outs an iteration instead of 96. The control: a cost that cannot learn."""
    arguments = ("--demos", str(SHIPPED), "--level", "step", "--policy-update", "sac")
    assert iqm(tmp_path / "run", *arguments) >= 0.95
    assert iqm(tmp_path / "control", *arguments, "--cost", "constant", "--iterations", "30") <= 0.3


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real demonstrations are not at {REAL}; name their folder in TRIALITY_DATA")
def test_whole_trajectories_of_real_demonstrations_and_a_constant_cost_that_fails(tmp_path):
    """The control: with a cost that cannot learn, nothing of it is reached."""
    assert iqm(tmp_path / "run", "--demos", str(REAL)) >= 0.97
    assert iqm(tmp_path / "control", "--demos", str(REAL), "--cost", "constant", "--iterations", "30") <= 0.3


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real demonstrations are not at {REAL}; name their folder in TRIALITY_DATA")
def test_cloning_is_a_control_worth_beating(tmp_path):
    """A cloning that is itself broken would make everything beside it look good."""
    assert iqm(tmp_path / "run", "--demos", str(REAL), "--algorithm", "bc", "--iterations", "50") >= 0.95

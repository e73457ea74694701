"""Several devices give the numbers of one: what is fast to try, in one process with four parts of a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from triality.devices.mesh import data_mesh
from triality.errors import ConfigError

ROOT = Path(__file__).parents[2]
BROKEN = ("log_mean_exp, LocalMaximum", "log_mean_exp, MeanOfDevices", "solve_log_z, MeanOfDevices")


def asked(*words):
    """What the child says."""
    child = Path(__file__).with_name("four_devices.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, str(child), *words], capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_four_devices_say_what_one_says():
    said = asked()
    assert {name: gap for name, gap in said.items() if name not in BROKEN and gap > 1e-12} == {}
    # The negative controls, each a plausible way to write it.
    assert all(said[name] > 1e-3 for name in BROKEN)


@pytest.mark.slow
def test_sums_over_devices_in_float32():
    said = asked("--float32")
    assert {name: gap for name, gap in said.items() if name not in BROKEN and gap > 1e-6} == {}
    assert all(said[name] > 1e-3 for name in BROKEN)


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(ConfigError, match=r"expected between 1 and 1 device\(s\), got 2"):
        data_mesh(2)


def test_random_numbers_that_depend_on_the_devices_are_refused(monkeypatch):
    monkeypatch.setattr(jax.config, "read", lambda name: False)
    with pytest.raises(ConfigError, match="partitionable"):
        data_mesh(1)

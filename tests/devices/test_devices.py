"""Several devices give the numbers of one: what is fast to try, in one process with four parts of a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from triality.devices.mesh import check_platform, data_mesh
from triality.errors import ConfigError

ROOT = Path(__file__).parents[2]
BROKEN = ("LocalMaximum", "MeanOfDevices")


def asked(*words):
    """What the child says: gaps of the sound functions, and of the broken ones."""
    child = Path(__file__).with_name("four_devices.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, str(child), *words], capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    broken = {name: gap for name, gap in said.items() if name.endswith(BROKEN)}
    return {name: gap for name, gap in said.items() if name not in broken}, broken


def test_four_devices_say_what_one_says():
    sound, broken = asked()
    assert {name: gap for name, gap in sound.items() if gap > 1e-12} == {}
    # The negative controls, each a plausible way to write it.
    assert len(broken) == 2
    assert min(broken.values()) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("words", "tolerance"), [(("--all",), 1e-12), (("--all", "--float32"), 1e-6)])
def test_all_that_is_summed_over_devices(words, tolerance):
    sound, broken = asked(*words)
    assert {name: gap for name, gap in sound.items() if gap > tolerance} == {}
    assert len(broken) == 3
    assert min(broken.values()) > 1e-3


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(ConfigError, match=r"expected between 1 and 1 device\(s\), got 2"):
        data_mesh(2)


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no GPU is found")])
def test_a_platform_that_is_not_there_is_one_clear_error(error, monkeypatch):
    """As jax says it with ``JAX_PLATFORMS=cuda`` where it has no CUDA, and with it where there is no GPU."""
    check_platform()

    def none():
        raise error

    monkeypatch.setattr(jax, "devices", none)
    with pytest.raises(ConfigError, match=r"expected a platform that jax can use here, got JAX_PLATFORMS=.*; unset it, or install"):
        check_platform()


def test_random_numbers_that_depend_on_the_devices_are_refused():
    with jax.threefry_partitionable(False), pytest.raises(ConfigError, match="partitionable"):
        data_mesh(1)

"""What is refused of devices and machines, before jax is imported and before a folder is made."""

import jax
import pytest

from triality.cli.devices_options import ALONE, MOST_DEVICES, DevicesOptions
from triality.cli.main import main, parse
from triality.runs.resumption import FREE

IRL = ("irl", "--env", "Pendulum-v1", "--demos", "examples/pendulum_demos.npz")
EBM = ("ebm", "--target", "ring")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*IRL, "--devices", "0"), "expected --devices of at least 1, got 0"),
        ((*EBM, "--devices", "-2"), "expected --devices of at least 1, got -2"),
        ((*IRL, "--devices", "4096"), f"expected --devices of at most {MOST_DEVICES}, got 4096; parts of a CPU share its cores"),
        ((*IRL, "--num-processes", "2"), "expected --distributed with --num-processes 2, got none"),
        ((*EBM, "--distributed", "--num-processes", "2"), "together, got no --coordinator, --process-index"),
        (
            (*EBM, "--distributed", "--coordinator", "here", "--num-processes", "2", "--process-index", "0"),
            "expected --coordinator HOST:PORT, got 'here'",
        ),
        (
            (*IRL, "--distributed", "--coordinator", "here:1234", "--num-processes", "2", "--process-index", "2"),
            "expected --process-index between 0 and 1, got 2",
        ),
        (
            (*IRL, "--distributed", "--coordinator", "here:1234", "--num-processes", "0", "--process-index", "0"),
            "expected --num-processes of at least 1, got 0",
        ),
        ((*IRL, "--host", "--devices", "2"), "expected a compiled environment with --devices 2, got Pendulum-v1 on the host"),
        ((*IRL, "--host", "--distributed"), "expected a compiled environment with --distributed, got Pendulum-v1 on the host"),
        ((*IRL, "--algorithm", "dagger", "--devices", "2"), "expected another --algorithm than dagger with --devices 2"),
    ],
)
def test_refusals(words, told, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_may_go_on_elsewhere():
    """The numbers are the same, so that a resumed run may have other devices."""
    assert "placed" in FREE


def test_more_devices_than_this_process_has(tmp_path, capsys):
    """Once jax has looked for its devices it is too late to ask for parts of the CPU."""
    assert len(jax.devices()) == 1
    assert main([*EBM, "--devices", "3", "--out", str(tmp_path / "run")]) == 2
    assert "expected between 1 and 1 device(s), got 3" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_one_device_is_the_default():
    assert parse([*EBM, "--out", "run"]).placed == ALONE == DevicesOptions()

"""F12: bombs of every format are refused by what they declare, in less than 50 MB, measured in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from tests.faults.bombs import BOMBS, CARELESS
from tests.faults.trials import ROOT

MOST_GROWTH = 50_000_000
LARGEST = 3 * 2**20
"""Bytes that a bomb takes on the disk at most: what is large must not look so."""
MESSAGES = {
    "npz, deflated zeros": "a zip bomb?",
    "npz, declared sizes": "declared; split the file",
    "npz, 25,000 members": "a zip directory of at most",
    "npz, a directory of 10^9": "a zip directory of at most",
    "checkpoint, a directory of 10^9": "a zip directory of at most",
    "checkpoint, deflated": "stored or deflated",
    "HDF5, a declared shape": "bytes declared",
    "HDF5, one piece larger than its array": "bytes declared",
    "HDF5, pieces of three bytes": "pieces that this file can hold",
    "HDF5, groups in groups": "at most 10000 arrays",
    "HDF5, a text of a gigabyte": "bytes declared",
    "Arrow, packed zeros": "bytes declared",
    "Parquet, a constant column": "bytes declared",
    "Parquet, a directory that lies": "bytes declared",
    "CSV, a hole": "lines of less than",
    "tokens, a hole": "zero bytes",
    "JSON, a hole": "longer than",
    "images, black": "a bomb?",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for name, (make, _) in BOMBS.items():
        make(folder / name)
        size = sum(file.stat().st_blocks * 512 for file in [folder / name, *(folder / name).rglob("*")] if file.is_file())
        assert size < LARGEST, name
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "tests.faults.bombs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["bomb"] for each in lines] == [*BOMBS, *CARELESS]
    return lines


@pytest.mark.parametrize("name", BOMBS)
def test_f12_a_bomb_is_refused_in_little_memory(name, refusals):
    found = refusals[list(BOMBS).index(name)]
    assert found["told"].startswith(("DataError", "StorageError"))
    assert MESSAGES.get(name, "expected") in found["told"]
    assert found["growth"] < MOST_GROWTH


def test_f12_control_careless_readers_take_the_memory(refusals):
    for found in refusals[len(BOMBS) :]:
        assert found["growth"] > MOST_GROWTH, found

"""F2-F4, F32: a checkpoint is the old one or the new one, whenever its writer dies; the name never comes before the data."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from triality.runs.atomic import replace_file
from triality.runs.checkpoint_file import StoredLeaf, read_leaves
from triality.runs.checkpoint_series import CheckpointSeries

CHILD = Path(__file__).with_name("crash_child.py")


def told_by_child(*words):
    done = subprocess.run([sys.executable, str(CHILD), *map(str, words)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", ["whole", "half"])
def test_f03_a_writer_that_dies_at_any_call(how, tmp_path):
    found = told_by_child(tmp_path / "runs", how)
    assert len(found) > 10
    assert all(each["step"] in (2, 3) and not each["left"] for each in found)
    # Before the rename it is the old one, after it the new one, and there is one turn.
    steps = [each["step"] for each in found]
    assert steps == sorted(steps)
    assert {*steps} == {2, 3}
    assert [each["exit"] for each in found] == [9] * (len(found) - 1) + [0]


def is_safe_in_a_power_cut(calls):
    """Data that were not forced to the disk are gone after a power cut, a new name may be there all the same: so all writes, then the
    file's fsync, then the new name, then the folder's fsync."""
    if "replace" not in calls or calls.count("fsync") < 2:
        return False
    renamed = calls.index("replace")
    writes = [index for index, name in enumerate(calls) if name == "write"]
    forced = [index for index, name in enumerate(calls) if name == "fsync"]
    return any(writes[-1] < index < renamed for index in forced) and any(index > renamed for index in forced)


def test_f04_the_name_comes_after_the_data(tmp_path):
    calls = told_by_child(tmp_path / "run", "names")
    assert is_safe_in_a_power_cut(calls)
    # Broken twins: without the file's fsync, without the folder's, and with the name first.
    first, last = calls.index("fsync"), len(calls) - 1 - calls[::-1].index("fsync")
    assert not is_safe_in_a_power_cut(calls[:first] + calls[first + 1 :])
    assert not is_safe_in_a_power_cut(calls[:last] + calls[last + 1 :])
    assert not is_safe_in_a_power_cut(["replace", *(name for name in calls if name != "replace")])


def test_f02_killed_while_writing(tmp_path):
    found = told_by_child(tmp_path / "run", "kill", 20)
    assert found["bad"] is None
    assert found["steps"] == sorted(found["steps"])


@pytest.mark.faults
def test_f02_two_hundred_writers_killed(tmp_path):
    found = told_by_child(tmp_path / "run", "kill", 200)
    assert found["bad"] is None
    assert found["steps"] == sorted(found["steps"])
    assert found["steps"][-1] > 50
    assert found["orphans"] > 0  # there was something to clean


def test_f02_a_writer_in_place_fails_the_same_test(tmp_path):
    """The broken twin: half of a file under its own name is no checkpoint, and it is noticed."""
    series = CheckpointSeries(tmp_path)
    path = series.write([StoredLeaf(".x", np.arange(100))], step=1, config={})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Exception, match="damaged"):
        series.newest()


def test_f32_a_reader_beside_a_writer_always_sees_a_whole_file(tmp_path):
    path, stop, seen = tmp_path / "x", threading.Event(), set()

    def write(number):
        replace_file(path, lambda file: file.write(bytes([number % 256]) * 5000))

    write(0)

    def read():
        while not stop.is_set():
            content = path.read_bytes()
            seen.add((len(content), len(set(content))))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(150):
        write(number)
    stop.set()
    reader.join()
    assert seen == {(5000, 1)}


def test_f36_the_newest_is_told_by_its_number_whatever_the_clock_says(tmp_path):
    series = CheckpointSeries(tmp_path, keep=3)
    for step in (1, 2, 3):
        path = series.write([StoredLeaf(".x", np.arange(3))], step=step, config={})
        os.utime(path, (10**9 - step, 10**9 - step))
    assert series.newest()[0].step == 3
    assert [read_leaves(path).step for path in series.paths()] == [3, 2, 1]

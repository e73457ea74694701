"""Run in a process of its own, without jax: a writer of checkpoints that dies at its k-th call of the system, for every k.

python crash_child.py FOLDER whole|half      dies before call k, or, of a write, after half of it
python crash_child.py FOLDER kill NUMBER     forked writers, killed at random moments
"""

import builtins
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from triality.runs import atomic
from triality.runs.checkpoint_file import StoredLeaf
from triality.runs.checkpoint_series import CheckpointSeries

SIZE = 2000


class Calls:
    """Counts the calls that reach the system, and ends the process at one of them."""

    def __init__(self, last: int, how: str):
        self.last, self.how, self.count, self.names = last, how, 0, []

    def passed(self, name, torn=None):
        self.count += 1
        self.names.append(name)
        if self.count == self.last:
            if torn is not None and self.how == "half":
                torn()
            os._exit(9)

    def install(self):
        real = {name: getattr(os, name) for name in ("fsync", "replace", "open", "unlink", "close")}
        for name, call in real.items():
            setattr(os, name, self._counted(name, call))
        atomic.open = self._opened

    def _counted(self, name, call):
        def counted(*given, **named):
            self.passed(name)
            return call(*given, **named)

        return counted

    def _opened(self, path, mode):
        self.passed("create")
        return Counted(builtins.open(path, mode, buffering=0), self)


class Counted:
    """An unbuffered file whose writes are counted."""

    def __init__(self, file, calls):
        self._file, self._calls = file, calls

    def write(self, data):
        self._calls.passed("write", lambda: self._file.write(bytes(data)[: len(data) // 2]))
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *given):
        self._file.close()


def leaves(step):
    return [StoredLeaf(".x", np.full(SIZE, step)), StoredLeaf(".y", np.arange(step))]


def check(series, before, after):
    """The newest checkpoint is the old one or the new one, whole; nothing half written stays once somebody cleans."""
    series.clean()
    found = series.newest()
    left = [path.name for path in series.folder.parent.rglob("*") if path.name.startswith(".tmp-") or path.suffix == ".corrupt"]
    if found is None or found[1] or left:
        return {"step": None, "left": left}
    checkpoint = found[0]
    sound = before <= checkpoint.step <= after and bool(np.all(checkpoint.leaves[0].array == checkpoint.step))
    return {"step": checkpoint.step if sound else None, "left": left}


def every_call(folder, how):
    found, last = [], 0
    while True:
        last += 1
        series = CheckpointSeries(folder / f"{how}{last}", keep=2)
        series.folder.parent.mkdir(parents=True)
        for step in (1, 2):
            series.write(leaves(step), step=step, config={})
        child = os.fork()
        if child == 0:
            calls = Calls(last, how)
            calls.install()
            series.write(leaves(3), step=3, config={})
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found.append(check(series, 2, 3) | {"exit": ended})
        if ended == 0:
            return found


def names_of_calls(folder):
    series = CheckpointSeries(folder, keep=2)
    folder.mkdir(parents=True, exist_ok=True)
    calls = Calls(0, "whole")
    calls.install()
    series.write(leaves(1), step=1, config={})
    return calls.names


def killed_writers(folder, number):
    series = CheckpointSeries(folder, keep=2)
    folder.mkdir(parents=True)
    series.write(leaves(1), step=1, config={})
    steps, orphans, draw = [1], 0, random.Random(os.urandom(8))
    for _ in range(number):
        child = os.fork()
        if child == 0:
            step = steps[-1]
            while True:
                step += 1
                series.write(leaves(step), step=step, config={})
        time.sleep(draw.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        orphans += sum(path.name.startswith(".tmp-") for path in series.folder.iterdir())
        found = check(series, steps[-1], 10**9)
        if found["step"] is None:
            return {"bad": found, "after": len(steps)}
        steps.append(found["step"])
    return {"bad": None, "steps": steps, "orphans": orphans}


if __name__ == "__main__":
    place, what = Path(sys.argv[1]), sys.argv[2]
    if what == "kill":
        answer = killed_writers(place, int(sys.argv[3]))
    elif what == "names":
        answer = names_of_calls(place)
    else:
        answer = every_call(place, what)
    print(json.dumps(answer))

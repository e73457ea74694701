"""A run of two processes decides as one: here two threads that share what processes would send each other."""

import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np

from triality.devices.machines import Machines
from triality.errors import ConfigError, StoppedError, StorageError
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.keeping import Keeping
from triality.runs.shared_keeper import shared_run

CONFIG = {"length": 5}
SAVE_ALWAYS = Keeping(every=0.0)


class InThreads(Machines):
    """One of two; ``table`` is what passes between them."""

    table: dict
    meeting: threading.Barrier

    def highest(self, number):
        return max(self._exchanged(number).values())

    def from_first(self, tree):
        return self._exchanged(tree)[0]

    def _exchanged(self, value):
        self.table[self.index] = value
        self.meeting.wait(20)
        found = dict(self.table)
        self.meeting.wait(20)
        return found


def both(body):
    """``body(machines)`` of both; what each returned or raised."""
    table, meeting, ends = {}, threading.Barrier(2), {}

    def one(index):
        machines = InThreads(index, 2)
        machines.table, machines.meeting = table, meeting
        try:
            ends[index] = body(machines)
        except Exception as error:
            ends[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in (0, 1)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return ends[0], ends[1]


def walk(out, keeping, stops_at=None, length=5):
    """A random walk of both; the second is asked to stop at that step."""

    def body(machines):
        with shared_run(machines, out, "walk", CONFIG, keeping, lambda text: None) as keeper:
            first = {"place": jnp.zeros(()), "key": jax.random.key(0)}
            keeper.refuse_shorter(length)
            state = keeper.restored("state", jax.eval_shape(lambda: first)) if keeper.resumes else first
            assert keeper.has("state") == keeper.resumes
            for step in range(keeper.step + 1, length + 1):
                key, of_step = jax.random.split(state["key"])
                state = {"place": state["place"] + jax.random.normal(of_step), "key": key}
                keeper.log({"iteration": step, "place": float(state["place"])})
                if step == stops_at and not machines.leads:
                    keeper._stop.signal = signal.SIGTERM
                keeper.look({"state": state}, step)
            keeper.closing()
            return float(state["place"])

    return both(body)


def test_both_go_on_to_the_numbers_of_one(tmp_path):
    whole = walk(tmp_path / "whole", SAVE_ALWAYS)
    assert whole[0] == whole[1]
    # A signal that the second alone got stops both at one step, of which the first has written a checkpoint.
    stopped = walk(tmp_path / "run", SAVE_ALWAYS, stops_at=3)
    assert [type(each) for each in stopped] == [StoppedError, StoppedError]
    assert all("SIGTERM after step 3" in str(each) for each in stopped)
    assert CheckpointSeries(tmp_path / "run").newest()[0].step == 3
    assert walk(tmp_path / "run", Keeping(every=0.0, resume=True)) == whole
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 5


def test_both_are_refused_alike(tmp_path):
    walk(tmp_path / "run", SAVE_ALWAYS)
    first, second = walk(tmp_path / "run", SAVE_ALWAYS)
    assert isinstance(first, ConfigError)
    assert "got one with files in it" in str(first)
    assert isinstance(second, ConfigError)
    assert "the first process refused the run" in str(second)


def test_a_checkpoint_of_another_structure_reaches_nobody(tmp_path):
    walk(tmp_path / "run", SAVE_ALWAYS, stops_at=2)

    def body(machines):
        with shared_run(machines, tmp_path / "run", "walk", CONFIG, Keeping(resume=True), lambda text: None) as keeper:
            if machines.leads:
                return keeper.restored("state", {"place": np.zeros(3)})
            return None

    first, _ = both(body)
    assert isinstance(first, StorageError)

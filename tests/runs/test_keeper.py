"""A run that is kept, with a state of two numbers: storage that fails, folders that vanish, and a state machine over all of it."""

import json
import shutil
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from triality.errors import ConfigError, NonFiniteError, NoValidCheckpointError, RunLockedError, SimulatorError, StorageError
from triality.runs import checkpoint_series, keeper
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.keeper import Keeper, kept_run
from triality.runs.keeping import Keeping
from triality.runs.lock import RunLock, holder

ALWAYS, NEVER = 0.0, 1e9


class Killed(BaseException):
    """As far as the run is concerned, the process is gone."""


def walk(out, keeping, total=10, until=None, say=lambda text: None, config=None):
    """A run of ``total`` steps; killed at step ``until``, after its log has grown."""
    with kept_run(out, "walk", config or {"length": 3}, keeping, say) as kept:
        state = kept.restored("state", np.zeros(2)) if kept.resumes else np.zeros(2)
        kept.look({"state": state}, kept.step)
        for step in range(kept.step + 1, total + 1):
            state = state * 0.5 + step
            kept.log({"step": step, "place": state.tolist()})
            if step == until:
                raise Killed
            kept.look({"state": state}, step, final=step == total)
    return state


def broken_off(out, end, num_looks=1):
    """A run that is told nothing but its steps, saves at the first look alone, and ends as ``end`` has it."""
    with kept_run(out, "walk", {}, Keeping(every=NEVER), print) as kept:
        for step in range(num_looks):
            kept.look({"state": np.full(2, step)}, step)
        end(kept)


def raising(error):
    raise error


def steps_in_log(out):
    return [json.loads(line)["step"] for line in (Path(out) / "metrics.jsonl").read_text().splitlines()]


def test_a_killed_run_goes_on(tmp_path):
    expected = walk(tmp_path / "whole", Keeping())
    with pytest.raises(Killed):
        walk(tmp_path / "run", Keeping(every=ALWAYS), until=7)
    assert steps_in_log(tmp_path / "run") == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(walk(tmp_path / "run", Keeping(resume=True)), expected)
    assert steps_in_log(tmp_path / "run") == list(range(1, 11))
    # The broken twin: a log that is not cut has a step twice.
    assert len(set(steps_in_log(tmp_path / "run"))) == len(steps_in_log(tmp_path / "run"))


def test_f37_a_torn_line_is_cut_off(tmp_path):
    with pytest.raises(Killed):
        walk(tmp_path / "run", Keeping(every=ALWAYS), until=4)
    with open(tmp_path / "run" / "metrics.jsonl", "ab") as log:
        log.write(b'{"step": 5, "pla')
    walk(tmp_path / "run", Keeping(resume=True))
    assert steps_in_log(tmp_path / "run") == list(range(1, 11))


def test_checkpoints_are_written_when_it_is_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    with kept_run(tmp_path / "run", "walk", {}, Keeping(every=30.0, keep=100), lambda text: None) as kept:
        for step in range(100):
            kept.look({"state": np.zeros(2)}, step)
            now[0] += 1.0
    assert [checkpoint_series.read_leaves(path).step for path in reversed(CheckpointSeries(tmp_path / "run").paths())] == [0, 30, 60, 90]


def test_slow_storage_costs_two_percent_and_no_more(tmp_path, monkeypatch):
    now, write = [0.0], CheckpointSeries.write

    def slowly(self, *given, **named):
        now[0] += 4.0
        return write(self, *given, **named)

    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(CheckpointSeries, "write", slowly)
    with kept_run(tmp_path / "run", "walk", {}, Keeping(every=30.0, keep=100), lambda text: None) as kept:
        for step in range(1000):
            kept.look({"state": np.zeros(2)}, step)
            now[0] += 1.0
    assert 4.0 * len(CheckpointSeries(tmp_path / "run").paths()) / now[0] < 0.025


def test_f05_the_run_goes_on_and_tries_again(tmp_path, monkeypatch):
    write, fails, said = checkpoint_series.write_leaves, iter([False, True, True, False, *[False] * 100]), []

    def failing(path, *given, **named):
        if next(fails):
            raise StorageError(f"{path}: no space")
        write(path, *given, **named)

    monkeypatch.setattr(checkpoint_series, "write_leaves", failing)
    walk(tmp_path / "run", Keeping(every=ALWAYS, keep=20), say=said.append)
    assert sum("the run goes on and tries again" in text for text in said) == 2
    steps = [checkpoint_series.read_leaves(path).step for path in CheckpointSeries(tmp_path / "run").paths()]
    assert steps == [10, 9, 8, 7, 6, 5, 4, 3, 0]


def test_f05_it_is_refused_at_the_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 1000, 10))
    with pytest.raises(StorageError, match=r"expected room for two more checkpoints \([0-9,]+ bytes\), got 10 free"):
        walk(tmp_path / "run", Keeping())


def test_f06_a_folder_that_vanishes_ends_the_run(tmp_path):
    def vanish(kept):
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        kept.log({"step": 1})

    with pytest.raises(StorageError, match=r"metrics\.jsonl"):
        broken_off(tmp_path / "run", vanish)


def test_what_was_learned_before_an_error_is_kept_and_said(tmp_path):
    found = r"it broke\. What was learned until then is in .*; the same command with --resume goes on"
    with pytest.raises(SimulatorError, match=found):
        broken_off(tmp_path / "run", lambda kept: raising(SimulatorError("it broke")), num_looks=4)
    assert CheckpointSeries(tmp_path / "run").newest()[0].step == 3


def test_f33_the_state_before_nan_is_kept_apart(tmp_path):
    error = NonFiniteError("expected finite parameters")
    error.failing, error.names = {"weight": jnp.ones(2), "key": jax.random.key(3)}, [".weight"]
    with pytest.raises(NonFiniteError, match=r"What was learned until then is in [^;]*$"):
        broken_off(tmp_path / "run", lambda kept: raising(error), num_looks=5)
    stored = checkpoint_series.read_leaves(tmp_path / "run" / "failed.ckpt")
    assert {leaf.path for leaf in stored.leaves} == {"['state']['weight']", "['state']['key']"}
    assert json.loads((tmp_path / "run" / "failed.json").read_text())["leaves"] == [".weight"]
    assert CheckpointSeries(tmp_path / "run").newest()[0].step == 4


def test_other_inputs_and_options_are_refused_by_name(tmp_path):
    walk(tmp_path / "run", Keeping(inputs={"data": "1"}))
    with pytest.raises(ConfigError, match=r"data: other content there than now"):
        walk(tmp_path / "run", Keeping(resume=True, inputs={"data": "2"}))
    with pytest.raises(ConfigError, match=r"length: 3 there, 4 now"):
        walk(tmp_path / "run", Keeping(resume=True), config={"length": 4})
    with pytest.raises(ConfigError, match=r"the command: walk there, run now"), kept_run(tmp_path / "run", "run", {}, Keeping(resume=True)):
        pass


def test_another_structure_is_refused_by_name(tmp_path):
    walk(tmp_path / "run", Keeping())
    with (
        pytest.raises(StorageError, match=r"expected float64\[3\], got float64\[2\]"),
        kept_run(tmp_path / "run", "walk", {"length": 3}, Keeping(resume=True), lambda text: None) as kept,
    ):
        kept.restored("state", np.zeros(3))


def test_f31_the_lock(tmp_path):
    assert holder(tmp_path) is None
    assert not list(tmp_path.iterdir())
    with RunLock(tmp_path):
        found = holder(tmp_path)
        assert found is not None
        assert found["host"]
        with pytest.raises(RunLockedError), RunLock(tmp_path):
            pass
    with RunLock(tmp_path):
        pass


class Folder(RuleBasedStateMachine):
    """Whatever happens to a folder: what is good never goes back by itself, nothing begins anew unasked, no step is twice in the log."""

    @initialize()
    def begin(self):
        self.base = Path(tempfile.mkdtemp())
        self.out, self.least, self.damaged, self.total = self.base / "run", -1, False, 0

    def teardown(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def good(self):
        found = CheckpointSeries(self.out).newest_readable()
        return -1 if found is None else found.step

    def attempt(self, total, until, every):
        said = []
        try:
            walk(self.out, Keeping(every=every, resume=True), total, until, said.append)
        except Killed:
            pass
        except NoValidCheckpointError:
            assert self.damaged
            shutil.rmtree(self.out)
            self.least, self.damaged, self.total = -1, False, 0
            return
        self.total = max(self.total, total)
        self.damaged = self.damaged and self.good() < 0
        if self.least >= 0:
            assert any("goes on" in text for text in said)
        assert self.good() >= self.least
        self.least = self.good()

    @rule(more=st.integers(1, 4), every=st.sampled_from([ALWAYS, NEVER]))
    def run_to_its_end(self, more, every):
        self.attempt(max(self.good(), 0) + more, None, every)

    @rule(more=st.integers(2, 5), at=st.integers(1, 5), every=st.sampled_from([ALWAYS, NEVER]))
    def killed(self, more, at, every):
        self.attempt(max(self.good(), 0) + more, max(self.good(), 0) + min(at, more), every)

    @rule(after=st.booleans())
    def killed_at_the_rename(self, after):
        replace = checkpoint_series.os.replace

        def dying(source, target):
            if not str(target).endswith(".ckpt"):
                return replace(source, target)
            if after:
                replace(source, target)
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoint_series.os, "replace", dying)
            self.attempt(max(self.good(), 0) + 2, None, ALWAYS)

    @precondition(lambda self: self.good() >= 0)
    @rule(cut=st.floats(0.0, 0.99))
    def damage_the_newest(self, cut):
        newest = CheckpointSeries(self.out).paths()[0]
        newest.write_bytes(newest.read_bytes()[: int(cut * newest.stat().st_size)])
        self.damaged, self.least = True, self.good()

    @precondition(lambda self: len(CheckpointSeries(self.out).paths()) > 1)
    @rule()
    def delete_the_newest(self):
        CheckpointSeries(self.out).paths()[0].unlink()
        self.least = self.good()

    @precondition(lambda self: (self.out / "config.json").exists())
    @rule()
    def others_are_refused(self):
        before = self.good()
        with RunLock(self.out), pytest.raises(RunLockedError):
            walk(self.out, Keeping(resume=True))
        with pytest.raises(ConfigError):
            walk(self.out, Keeping(resume=True), config={"length": 9})
        with pytest.raises(ConfigError):
            walk(self.out, Keeping())
        assert self.good() == before

    @invariant()
    def the_log_has_each_step_once(self):
        if (self.out / "metrics.jsonl").exists():
            steps = steps_in_log(self.out)
            assert steps == list(range(1, len(steps) + 1))


Folder.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
test_whatever_happens_to_a_folder = Folder.TestCase


def test_the_keeper_is_asked_for_a_part_that_is_there(tmp_path):
    walk(tmp_path / "run", Keeping())
    folder = RunFolder.open(tmp_path / "run")
    assert folder.read_config()["command"] == "walk"
    with kept_run(tmp_path / "run", "walk", {"length": 3}, Keeping(resume=True), lambda text: None) as kept:
        assert isinstance(kept, Keeper)
        assert (kept.has("state"), kept.has("sta"), kept.step) == (True, False, 10)

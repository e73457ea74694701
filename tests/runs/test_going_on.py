"""What a run may go on from, and that nothing of a run is touched before it is sure to go on."""

import json
import shutil
import signal

import numpy as np
import pytest

from tests.runs.test_keeper import ALWAYS, Killed, steps_in_log, walk
from triality.errors import ConfigError, NoValidCheckpointError, StorageError
from triality.runs import resumption
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.keeper import kept_run
from triality.runs.keeping import Keeping
from triality.runs.lock import LOCK
from triality.runs.resumption import is_over
from triality.runs.stop_request import StopRequest

RESULTS = ("summary.json", "evaluation.json")


@pytest.fixture
def killed(tmp_path):
    """A run of which seven steps are logged and six are in the newest of five checkpoints."""
    with pytest.raises(Killed):
        walk(tmp_path / "run", Keeping(every=ALWAYS, keep=5), until=7)
    return tmp_path / "run"


def content(folder):
    """Without the lock, which says since when it is held."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_refused_resumption_changes_nothing(killed):
    for name in RESULTS:
        (killed / name).write_text("{}")
    before = content(killed)
    with (
        pytest.raises(ConfigError, match=r"expected at least 6 iterations, which the run has done, got 3; ask for more$"),
        kept_run(killed, "walk", {"length": 3}, Keeping(resume=True)) as kept,
    ):
        kept.refuse_shorter(3)
    with (
        pytest.raises(StorageError, match="expected the tree of this run"),
        kept_run(killed, "walk", {"length": 3}, Keeping(resume=True)) as kept,
    ):
        kept.restored("state", np.zeros(5))
    assert content(killed) == before


def test_what_is_removed_is_said(killed):
    for name in RESULTS:
        (killed / name).write_text("{}")
    told = []
    walk(killed, Keeping(resume=True), say=told.append)
    assert told == ["the run goes on after step 6; summary.json, evaluation.json of what it was are removed"]
    assert not any((killed / name).exists() for name in RESULTS)


@pytest.mark.parametrize("lost", ["shorter", "zeros"])
def test_f04_a_checkpoint_goes_with_its_log_or_one_before_it_is_taken(killed, lost):
    """What a power cut may leave: checkpoints are synced, and more of them than of the log."""
    log = killed / "metrics.jsonl"
    whole = log.read_bytes()
    four = b"".join(whole.splitlines(keepends=True)[:4])
    log.write_bytes(four if lost == "shorter" else four + bytes(len(whole) - len(four)))
    told = []
    expected = walk(killed.parent / "whole", Keeping())
    np.testing.assert_array_equal(walk(killed, Keeping(resume=True), say=told.append), expected)
    assert steps_in_log(killed) == list(range(1, 11))
    assert told[-1] == "the run goes on after step 4"
    assert len(told) == 3
    assert all("which are not all there" in note for note in told[:-1])


def test_f04_no_checkpoint_fits_a_log_that_is_lost(killed):
    (killed / "metrics.jsonl").unlink()
    before = content(killed)
    with pytest.raises(NoValidCheckpointError, match=r"goes with .* bytes of metrics.jsonl, which are not all there"):
        walk(killed, Keeping(resume=True))
    assert content(killed) == before


def test_checkpoints_that_are_missing_are_no_new_beginning(killed):
    shutil.rmtree(killed / "checkpoints")
    with pytest.raises(NoValidCheckpointError, match=r"expected checkpoints beside metrics.jsonl, got none; .* --overwrite"):
        walk(killed, Keeping(resume=True))
    assert len(steps_in_log(killed)) == 7


def test_f10_where_all_are_damaged_it_says_so_and_where_they_were_put(killed):
    for path in CheckpointSeries(killed).paths():
        path.write_bytes(b"nothing")
    for _ in range(2):  # the second time none is left but those that were put aside
        with pytest.raises(NoValidCheckpointError, match=r"got none but damaged ones \(.*\.corrupt\); restore one of them"):
            walk(killed, Keeping(resume=True))


def test_a_checkpoint_of_another_run_is_refused(killed):
    with pytest.raises(Killed):
        walk(killed.parent / "other", Keeping(every=ALWAYS), until=9, config={"length": 4})
    newest = max((killed.parent / "other" / "checkpoints").iterdir())
    shutil.copy(newest, killed / "checkpoints" / "00000099.ckpt")
    (killed / "metrics.jsonl").write_bytes((killed.parent / "other" / "metrics.jsonl").read_bytes())
    with pytest.raises(StorageError, match=r"expected a checkpoint of this run, got one of another.*\n  - length: 4 there, 3 now"):
        walk(killed, Keeping(resume=True))


MOVED = {
    "elsewhere": ("demos/a.npz", "/data/demos/b.npz", {}, True),
    "other content": ("demos/a.npz", "demos/b.npz", {"data": "2"}, False),
    "content that is not known": ("demos/a.npz", "demos/b.npz", None, False),
    "read otherwise": ("oracle:a.npz", "a.npz", {}, False),
    "of another kind": ("a.csv", "a.tsv", {}, False),
}


@pytest.mark.parametrize("case", MOVED)
def test_inputs_may_be_moved_and_not_changed(case, tmp_path):
    before, now, digests, goes_on = MOVED[case]
    out, config, told = tmp_path / "run", lambda path: {"length": 3, "data": path}, []
    known = {} if digests is None else {"data": "1"}
    with pytest.raises(Killed):
        walk(out, Keeping(every=ALWAYS, inputs=known), until=7, config=config(before))
    again = Keeping(resume=True, inputs={"data": "1"} | (digests or {}))
    if not goes_on:
        with pytest.raises(ConfigError, match=r"data: .* there, .* now|data: other content"):
            walk(out, again, config=config(now))
        return
    np.testing.assert_array_equal(walk(out, again, config=config(now), say=told.append), walk(tmp_path / "whole", Keeping()))
    assert f"data is read from {now}, before from {before}: its content is the same" in told
    assert RunFolder.open(out).read_config()["config"]["data"] == now


def test_options_of_another_type_are_told_apart(killed):
    record = json.loads((killed / "config.json").read_text())
    (killed / "config.json").write_text(json.dumps(record | {"config": {"length": "3"}, "inputs": [1]}))
    with pytest.raises(ConfigError, match=r'length: "3" there, 3 now'):
        walk(killed, Keeping(resume=True, inputs={"data": "1"}))


def test_f39_other_versions_are_told_and_no_reason_to_refuse(killed, monkeypatch):
    told, here = [], resumption.library_versions()
    monkeypatch.setattr(resumption, "library_versions", lambda: here | {"jax": "99.1", "python": "99.2"})
    expected = walk(killed.parent / "whole", Keeping())
    np.testing.assert_array_equal(walk(killed, Keeping(resume=True), say=told.append), expected)
    (note,) = [text for text in told if "written with" in text]
    assert f"written with jax {here['jax']}: the run goes on with jax 99.1, and its numbers may differ in their last digits" in note
    assert "99.2" not in note  # of Python itself the numbers do not depend


def test_f39_the_same_versions_are_not_told(killed):
    told = []
    walk(killed, Keeping(resume=True), say=told.append)
    assert told == ["the run goes on after step 6"]


def test_the_log_is_on_the_disk_before_a_checkpoint_counts_on_it(tmp_path, monkeypatch):
    from triality.runs import checkpoint_series
    from triality.runs.metrics_log import MetricsLog

    order = []
    sync, write = MetricsLog.sync, checkpoint_series.write_leaves
    monkeypatch.setattr(MetricsLog, "sync", lambda log: (order.append("log"), sync(log))[1])
    monkeypatch.setattr(checkpoint_series, "write_leaves", lambda *given, **named: (order.append("checkpoint"), write(*given, **named))[1])
    walk(tmp_path / "run", Keeping(every=ALWAYS), total=3)
    assert order == ["log", "checkpoint"] * 4


def test_a_run_whose_report_or_summary_is_not_whole_is_not_over(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.write_config("walk", {"iterations": 5})
    assert not is_over(folder, {"iterations": 5})
    folder.summary_path.write_text("{")
    assert not is_over(folder, {"iterations": 5})


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that hang up here")
def test_f29_a_lost_terminal_is_a_request_to_stop_unless_it_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with StopRequest() as request:
            signal.raise_signal(signal.SIGHUP)
            assert (request.signal, request.exit_code) == (signal.SIGHUP, 75)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with StopRequest() as request:
            signal.raise_signal(signal.SIGHUP)
            assert request.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)

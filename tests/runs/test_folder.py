"""The run folder: made late, overwritten only on request and only if it is one, opened only if it is one."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from triality.errors import ConfigError, StorageError
from triality.runs.checkpoint_file import StoredLeaf
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import CONFIG, FILES, RunFolder
from triality.runs.json_files import canonical_json, parse_json, read_json, to_json_value
from triality.runs.lock import LOCK, RunLock
from triality.runs.summary import IRL, TOP, check_summary


def finished_run(path):
    """A folder with all that a run writes, a leftover of a killed writer among it."""
    run = RunFolder.create(path)
    run.write_config("irl", {"num_steps": 3})
    run.metrics.append({"step": 0})
    run.state_path.write_bytes(b"state")
    run.write_summary(summary())
    run.report_path.write_text("<html>")
    for name in ("figures.npz", "evaluation.json", "retrained.json", "transfer.json"):
        (run.path / name).write_bytes(b"{}")
    (run.path / ".tmp-123-abc").write_bytes(b"half")
    return run


def summary(**changes):
    numbers = {name: 0.5 for name in IRL}
    fields = {
        "command": "irl",
        "config": {"num_steps": 3},
        "seeds": [numbers | {"seed": 0}, numbers | {"seed": 1}],
        "iqm": numbers,
        "log_z": None,
        "log_z_estimates": {"importance": {"value": 1.0, "stderr": 0.1}},
        "alarm": "the three estimates agree",
        "env_steps": 1000,
        "env_steps_per_second": 10.0,
        "seconds": 100,
    }
    return fields | changes


def test_the_page_on_runs_lists_every_file():
    page = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
    table = page[: page.index("A folder with anything in it")]
    assert set(re.findall(r"`([a-z]+[./][a-z]*)`(?=[^|]*\|[^|]*\|[^|]*\|$)", table, re.MULTILINE)) >= {CONFIG, LOCK, "checkpoints/", *FILES}


def test_create_makes_parents_and_check_makes_nothing(tmp_path):
    RunFolder.check(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    run = RunFolder.create(str(tmp_path / "a" / "b"))
    assert run.path.is_dir()
    assert RunFolder.create(run.path) == run  # an empty folder is as good as none


@pytest.mark.parametrize("function", [RunFolder.check, RunFolder.create])
def test_a_folder_with_files_is_refused(tmp_path, function):
    run = finished_run(tmp_path / "run")
    before = sorted(os.listdir(run.path))
    with pytest.raises(ConfigError, match=r"run: expected an empty or a new folder, got .*; add --resume or --overwrite, or choose"):
        function(run.path)
    assert sorted(os.listdir(run.path)) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="expected a folder to write the run to, got a file"):
        function(tmp_path / "file", overwrite=True)
    with pytest.raises((ConfigError, StorageError)):
        function(tmp_path / "file" / "below")


def test_overwrite_empties_a_run_folder(tmp_path):
    run = finished_run(tmp_path / "run")
    RunFolder.check(run.path, overwrite=True)
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "00000003.corrupt").write_bytes(b"x")
    RunFolder.check(run.path, overwrite=True)
    assert {CONFIG, "metrics.jsonl", "state.ckpt", ".tmp-123-abc"} < set(os.listdir(run.path))
    RunFolder.create(run.path, overwrite=True)
    assert os.listdir(run.path) == []


def foreign_file(path):
    (path / "thesis.tex").write_text("years of work")


def foreign_folder(path):
    (path / "metrics.jsonl").unlink()
    (path / "metrics.jsonl").mkdir()


def other_config(path):
    (path / "config.json").write_text('{"name": "another program"}')


@pytest.mark.parametrize("spoil", [foreign_file, foreign_folder, other_config])
@pytest.mark.parametrize("function", [RunFolder.check, RunFolder.create])
def test_overwrite_refuses_a_folder_that_is_no_run(tmp_path, function, spoil):
    run = finished_run(tmp_path / "run")
    spoil(run.path)
    before = sorted(os.listdir(run.path))
    with pytest.raises((ConfigError, StorageError), match="expected"):
        function(run.path, overwrite=True)
    assert sorted(os.listdir(run.path)) == before


def checkpoint(folder):
    CheckpointSeries(folder).write([StoredLeaf(".x", np.zeros(2))], step=3, config={})


def log_and_lock(folder):
    with RunLock(folder):
        RunFolder(folder).metrics.append({"iteration": 5})


SIGNS = {
    "a summary": lambda folder: RunFolder(folder).write_summary(summary()),
    "a checkpoint": checkpoint,
    "a log and a lock": log_and_lock,
}
NO_SIGNS = {
    "a file of a checkpoint's name": lambda folder: (folder / "state.ckpt").write_bytes(b"state"),
    "another summary": lambda folder: (folder / "summary.json").write_text('{"loss": 1.0}'),
    "a log": lambda folder: (folder / "metrics.jsonl").write_text('{"iteration": 5}\n'),
    "a lock": lambda folder: [(folder / name).write_text('{"pid": 3}') for name in ("run.lock", "failed.json")],
}
DAMAGED = {"gone": None, "empty": "", "torn": '{"command": "ir', "no JSON": "iterations: 5\n"}


def without_config(folder, make, damage):
    folder.mkdir()
    make(folder)
    if DAMAGED[damage] is not None:
        (folder / "config.json").write_text(DAMAGED[damage])


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("sign", SIGNS)
def test_overwrite_takes_a_run_whose_config_is_damaged(tmp_path, sign, damage):
    """What the message on it asks for can be done."""
    without_config(tmp_path / "run", SIGNS[sign], damage)
    with pytest.raises((ConfigError, StorageError), match=r"restore config.json from a copy, or begin anew with --overwrite"):
        RunFolder.check(tmp_path / "run", resume=True)
    RunFolder.check(tmp_path / "run", overwrite=True)
    assert set(os.listdir(RunFolder.create(tmp_path / "run", overwrite=True).path)) <= {LOCK}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("sign", NO_SIGNS)
def test_overwrite_takes_no_folder_that_nothing_shows_to_be_a_run(tmp_path, sign, damage):
    without_config(tmp_path / "run", NO_SIGNS[sign], damage)
    before = sorted(os.listdir(tmp_path / "run"))
    for function in (RunFolder.check, RunFolder.create):
        with pytest.raises((ConfigError, StorageError), match="choose another --out, or empty it yourself"):
            function(tmp_path / "run", overwrite=True)
    assert sorted(os.listdir(tmp_path / "run")) == before


def test_overwrite_takes_what_broke_off_in_its_first_file(tmp_path):
    whole = RunFolder.create(tmp_path / "run")
    whole.write_config("irl", {"iterations": 5})
    whole.config_path.write_bytes(whole.config_path.read_bytes()[:30])
    RunFolder.check(whole.path, overwrite=True)


@pytest.mark.parametrize("sign", SIGNS)
def test_overwrite_leaves_what_is_foreign_beside_a_damaged_config(tmp_path, sign):
    without_config(tmp_path / "run", SIGNS[sign], "torn")
    foreign_file(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"got thesis.tex as well"):
        RunFolder.create(tmp_path / "run", overwrite=True)


def test_overwrite_does_not_follow_links(tmp_path):
    run = finished_run(tmp_path / "run")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("")
    run.state_path.unlink()
    run.state_path.symlink_to(precious / "file")
    RunFolder.create(run.path, overwrite=True)
    assert (precious / "file").exists()
    finished_run(run.path)
    (run.path / "figures").symlink_to(precious)
    with pytest.raises(ConfigError, match="got figures as well"):
        RunFolder.create(run.path, overwrite=True)
    assert (precious / "file").exists()


def test_an_interrupted_removal_can_be_repeated(tmp_path, monkeypatch):
    """config.json goes last, so the folder is still known as a run."""
    run = finished_run(tmp_path / "run")
    removed = []
    real = type(run.path).unlink

    def unlink(self, *arguments, **options):
        if len(removed) == 3:
            raise OSError(5, "Input/output error")
        removed.append(self.name)
        real(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(run.path), "unlink", unlink)
        with pytest.raises(StorageError, match="Input/output error"):
            RunFolder.create(run.path, overwrite=True)
    assert "config.json" in os.listdir(run.path)
    assert os.listdir(RunFolder.create(run.path, overwrite=True).path) == []


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    """Told by trying, and no trace is left of it."""
    RunFolder.check(tmp_path / "new" / "run")
    assert os.listdir(tmp_path) == []
    (tmp_path / "run").mkdir()

    def fail(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("triality.runs.folder.tempfile.TemporaryFile", fail)
    for folder in (tmp_path / "run", tmp_path / "new" / "run", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match=r"expected a path that can be written, got '(Read-only file system|File name too long)'"):
            RunFolder.check(folder)
    assert os.listdir(tmp_path) == ["run"]


def test_open(tmp_path):
    run = finished_run(tmp_path / "run")
    opened = RunFolder.open(run.path)
    assert opened.read_config() | {"triality": ""} == {"triality": "", "command": "irl", "config": {"num_steps": 3}}
    assert opened.read_summary() == summary()
    with pytest.raises(ConfigError, match="got nothing there; check the path"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(ConfigError, match="got a file"):
        RunFolder.open(run.report_path)
    with pytest.raises(ConfigError, match=r"got one without config.json; give the --out of an earlier run"):
        RunFolder.open(tmp_path)
    for content in ("{", "[1]", '{"command": "irl"}', '{"a": 1, "a": 2}', '{"a": NaN}', "\udcff"):
        run.config_path.write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(StorageError, match=r"config.json: expected .*, got .*; restore it or run again"):
            RunFolder.open(run.path)


def test_a_run_that_has_not_ended_has_no_summary(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.write_config("irl", {})
    with pytest.raises(StorageError, match="No such file"):
        run.read_summary()


def test_a_failed_write_keeps_the_old_summary(tmp_path, monkeypatch):
    run = finished_run(tmp_path / "run")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("triality.runs.atomic.os.replace", fail)
    with pytest.raises(StorageError, match="No space left"):
        run.write_summary(summary(seconds=1))
    assert run.read_summary() == summary()


def test_metrics_are_lines_and_survive_a_torn_one(tmp_path):
    log = RunFolder.create(tmp_path / "run").metrics
    assert log.read() == []
    log.append({"step": 0, "loss": np.float32(0.5), "log_z": np.array([1.0, -np.inf])})
    log.append({"step": 1, "text": "two\nlines"})
    assert log.read() == [{"step": 0, "loss": 0.5, "log_z": [1.0, None]}, {"step": 1, "text": "two\nlines"}]
    whole = log.path.read_bytes()
    for torn in (b"{", b'{"step": 2', b'{"step": 2}'):
        log.path.write_bytes(whole + torn)
        assert [record["step"] for record in log.read()] == [0, 1]
        log.append({"step": 3})
        assert [record["step"] for record in log.read()] == [0, 1, 3]
    log.path.write_bytes(b"torn from the first byte")
    log.append({"step": 4})
    assert log.read() == [{"step": 4}]
    log.path.write_bytes(b'{"step": 0}\n{"step": \n{"step": 2}\n')
    with pytest.raises(StorageError, match=r"line 2: expected a JSON object"):
        log.read()


def test_json_values(tmp_path):
    import jax.numpy as jnp

    value = to_json_value(
        {"a": np.array([[1, 2]]), "b": jnp.array([0.5, jnp.nan]), "c": (True, None), "d": np.bool_(True), "e": float("-inf")}
    )
    assert value == {"a": [[1, 2]], "b": [0.5, None], "c": [True, None], "d": True, "e": None}
    assert json.loads(canonical_json(value)) == value
    for bad in ({1: 2}, {"a": object()}, {"a": {1, 2}}, np.array(["a"]), np.array([None])):
        with pytest.raises(StorageError, match="expected"):
            to_json_value(bad)
    for text in ('{"a": 1, "a": 1}', "Infinity", "[" * 100_000, b"\xff"):
        with pytest.raises(ValueError):  # noqa: PT011  several classes below it, one contract
            parse_json(text)
    with pytest.raises(StorageError, match="Is a directory"):
        read_json(tmp_path)


def test_a_summary_has_the_frozen_fields():
    check_summary(summary())
    check_summary(summary(command="expert", seeds=[{}], iqm={}, alarm=None))
    check_summary(
        summary(command="ebm", seeds=[{"test_log_likelihood": -1.0, "metrics": {}}], iqm={"test_log_likelihood": None, "metrics": {}})
    )


@pytest.mark.parametrize("name", TOP)
def test_every_frozen_field_is_required(name):
    with pytest.raises(StorageError, match=rf"\n  - {name}: expected the field, got none"):
        check_summary({key: value for key, value in summary().items() if key != name})


NOT_A_SUMMARY = {
    "a new field": (summary(fps=3), "fps: expected no such field"),
    "no command": (summary(command=""), "command: expected a name"),
    "no seeds": (summary(seeds=[]), "seeds: expected a list"),
    "a seed that is none": (summary(seeds=[3]), "seeds[0]: expected an object"),
    "a number as text": (summary(seconds="3"), "seconds: expected a number or null, got '3'"),
    "a number as truth": (summary(env_steps=True), "env_steps: expected a number or null, got True"),
    "NaN": (summary(log_z=float("nan")), "log_z: expected a number or null, got nan"),
    "an estimate without error": (summary(log_z_estimates={"fusion": {"value": 1.0}}), "log_z_estimates.fusion: expected"),
    "estimates as a list": (summary(log_z_estimates=[]), "log_z_estimates: expected an object"),
    "an alarm that is a number": (summary(alarm=1), "alarm: expected the verdict in words"),
    "iqm as a number": (summary(iqm=0.9), "iqm: expected an object"),
    "another command's numbers": (summary(command="seq"), "iqm.nll_oracle: expected a number or null, got 'nothing'"),
    "no metrics": (summary(command="ebm"), "seeds[1].metrics: expected an object"),
}


@pytest.mark.parametrize("case", NOT_A_SUMMARY)
def test_other_fields_are_refused(case):
    value, fragment = NOT_A_SUMMARY[case]
    with pytest.raises(StorageError) as caught:
        check_summary(value)
    assert fragment in str(caught.value)


@pytest.mark.parametrize("name", IRL)
def test_irl_numbers_are_required_in_every_seed_and_in_iqm(name):
    short = {key: 0.5 for key in IRL if key != name}
    with pytest.raises(StorageError) as caught:
        check_summary(summary(seeds=[short], iqm=short))
    assert f"seeds[0].{name}: expected a number" in str(caught.value)
    assert f"iqm.{name}: expected a number" in str(caught.value)


def test_the_writer_checks(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    with pytest.raises(StorageError, match="alarm: expected the field"):
        run.write_summary({key: value for key, value in summary().items() if key != "alarm"})
    assert not run.summary_path.exists()
    run.write_summary(summary(log_z=np.float32("nan")))
    assert run.read_summary()["log_z"] is None

"""Every run below a folder is found, none is taken for another's file, and damage costs one line."""

import os
import subprocess
import sys

import pytest

from tests.runs.report.run_folders import finished_run, running_run
from triality.errors import ConfigError
from triality.runs.folder import RunFolder
from triality.runs.listing import Damaged, find_runs, read_run, size_of
from triality.runs.seen_checkpoints import seen_checkpoints


def names(found):
    return [(each.path.name, "damaged" if isinstance(each, Damaged) else each.standing.state) for each in found]


def test_runs_are_found_at_every_depth_and_the_last_written_comes_first(tmp_path):
    for age, path in ((300, finished_run(tmp_path / "deep" / "er" / "done", 1)), (100, running_run(tmp_path / "broken-off", 2, 3))):
        for name in ("config.json", "metrics.jsonl"):
            os.utime(path / name, (1e9 - age, 1e9 - age))
    assert names(find_runs(tmp_path)) == [("broken-off", "interrupted"), ("done", "finished")]
    assert names(find_runs(tmp_path / "broken-off")) == [("broken-off", "interrupted")]


def test_what_is_no_run_is_left_alone(tmp_path):
    for name, content in (("package", '{"name": "x"}'), ("list", "[1]"), ("broken", "{"), ("none", None)):
        (tmp_path / name).mkdir()
        if content is not None:
            (tmp_path / name / "config.json").write_text(content)
    running_run(tmp_path / ".hidden" / "run", 1, 1)
    assert find_runs(tmp_path) == []


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"triality": 1}', '{"a": 1, "a": 2}', "\x00"])
def test_a_run_without_a_readable_configuration_is_damaged_and_the_others_are_listed(content, tmp_path):
    running_run(tmp_path / "good", 1, 1)
    bad = running_run(tmp_path / "bad", 1, 1)
    (bad / "config.json").unlink() if content is None else (bad / "config.json").write_text(content)
    found = find_runs(tmp_path)
    assert names(found) == [("good", "interrupted"), ("bad", "damaged")]
    assert "config.json" in found[1].reason


@pytest.mark.parametrize("name", ["summary.json", "metrics.jsonl"])
def test_other_damage_is_told_and_the_run_is_listed(name, tmp_path):
    path = finished_run(tmp_path / "run", 1)
    (path / name).write_bytes(b"{damaged\n")
    (found,) = find_runs(tmp_path)
    assert found.standing.state == "finished"
    assert name in found.problems[0]


def test_runs_inside_a_run_are_that_runs(tmp_path):
    path = finished_run(tmp_path / "run", 1)
    running_run(path / "retraining", 1, 1)
    assert names(find_runs(tmp_path)) == [("run", "finished")]


def test_there_is_no_such_folder(tmp_path):
    with pytest.raises(ConfigError, match="nothing there"):
        find_runs(tmp_path / "no")
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_run(tmp_path)


def test_the_size_is_that_of_all_files_and_of_no_link(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(bytes(50))
    before = size_of(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert before == 150
    assert size_of(tmp_path) - before < 1000


def test_checkpoints_are_seen_by_their_manifests(tmp_path):
    import numpy as np

    from triality.runs.checkpoint_file import StoredLeaf, write_leaves

    run, series = RunFolder.create(tmp_path / "run"), tmp_path / "run" / "checkpoints"
    series.mkdir()
    for path, step in ((run.state_path, 30), (series / "00000002.ckpt", 20), (series / "00000001.ckpt", 10)):
        write_leaves(path, [StoredLeaf(".x", np.arange(3.0))], step=step, config={})
    (series / "00000003.ckpt").write_bytes(b"cut off")
    (series / "00000000.corrupt").write_bytes(b"old")
    (series / "00000000.why").write_text("a flipped bit\n")
    (series / ".tmp-1-a").touch()
    seen = {each.name: (each.step, each.note) for each in seen_checkpoints(run.path)}
    assert list(seen) == ["state.ckpt", *(f"checkpoints/0000000{n}" for n in ("3.ckpt", "2.ckpt", "1.ckpt", "0.corrupt"))]
    assert [step for step, _ in seen.values()] == [30, None, 20, 10, None]
    assert seen["checkpoints/00000003.ckpt"][1] == "cannot be looked into: BadZipFile"
    assert seen["checkpoints/00000000.corrupt"][1] == "damaged, put aside: a flipped bit"


def test_listing_imports_neither_jax_nor_matplotlib():
    code = "import sys, triality.runs.listing, triality.cli.runs; print([n for n in ('jax', 'matplotlib') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

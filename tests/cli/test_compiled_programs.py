"""Programs that are kept on disk: where, how many, and that nothing that is wrong with them ever stops a run."""

import os
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import pytest

from tests.faults.kept_runs import DEMOS, ROOT, content
from triality.cli.compiled_programs import (
    FOLDER,
    OFF,
    SWITCH,
    UNREADABLE,
    keep_programs,
    kept_programs,
    make_room,
    mending,
    processor,
    remove_damaged,
    usual_folder,
)


def test_the_folder_follows_the_users_variables(tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    keep_programs(environment)
    assert environment[FOLDER] == str(tmp_path / "triality" / "compiled" / processor())
    assert Path(environment[FOLDER]).is_dir()
    chosen = {"XDG_CACHE_HOME": str(tmp_path / "other"), FOLDER: "elsewhere"}
    keep_programs(chosen)
    assert chosen[FOLDER] == "elsewhere"
    assert not (tmp_path / "other").exists()
    # A relative path counts as none, by the standard that names the variable.
    assert usual_folder({"XDG_CACHE_HOME": "here"}) == usual_folder({})


def test_it_can_be_switched_off(tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path), OFF: "1"}
    keep_programs(environment)
    assert environment[SWITCH] == "false"
    assert FOLDER not in environment
    assert kept_programs(environment).reason == "off, by TRIALITY_NO_CACHE"
    assert kept_programs({SWITCH: "false"}).reason == "off, by JAX_ENABLE_COMPILATION_CACHE"


def test_a_folder_that_cannot_be_written_switches_it_off(tmp_path):
    (tmp_path / "triality").write_text("a file where the folder should be")
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    keep_programs(environment)
    assert FOLDER not in environment
    kept = kept_programs(environment)
    assert kept.folder is None
    assert "cannot be written" in kept.reason


def test_the_oldest_make_room(tmp_path):
    for age, name in enumerate("cab"):
        path = tmp_path / f"{name}-cache"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 + age, 1000 + age))
    (tmp_path / "notes.txt").write_bytes(bytes(1000))
    assert make_room(tmp_path, 300) == 0
    assert make_room(tmp_path, 150) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b-cache", "notes.txt"]
    assert kept_programs({FOLDER: str(tmp_path)})[1:3] == (1, 100)
    assert make_room(tmp_path / "nowhere", 0) == 0


def test_what_is_not_whole_is_removed_and_nothing_else(tmp_path):
    packed = zlib.compress(os.urandom(5000))
    contents = {"whole": packed, "torn": packed[:2000], "empty": b"", "turned": packed[:-1] + bytes([packed[-1] ^ 1]), "other": b"text"}
    for name, content_of in contents.items():
        (tmp_path / f"{name}-cache").write_bytes(content_of)
    (tmp_path / "zstd-cache").write_bytes(b"\x28\xb5\x2f\xfd and more")
    assert remove_damaged(tmp_path) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole-cache", "zstd-cache"]


def test_a_warning_of_damage_becomes_one_sentence_and_the_damage_goes(tmp_path, monkeypatch):
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    keep_programs(environment)
    (Path(environment[FOLDER]) / "torn-cache").write_bytes(b"")
    said, others = [], []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *place: others.append(str(message)))
    with mending(environment, said.append):
        warnings.showwarning(UserWarning(f"{UNREADABLE} for 'jit_step': error: incomplete"), UserWarning, "compiler.py", 1)
        warnings.showwarning(UserWarning("another matter"), UserWarning, "compiler.py", 1)
    assert said == [f"1 compiled program(s) in {environment[FOLDER]} were damaged and are removed; they are compiled again"]
    assert others == ["another matter"]
    warnings.showwarning(UserWarning(f"{UNREADABLE} again"), UserWarning, "compiler.py", 1)
    assert len(others) == 2


WORDS = ("irl", "--env", "Pendulum-v1", "--demos", str(DEMOS), "--num-demos", "2", "--algorithm", "bc", "--iterations", "1")


def command(out, cache, **variables):
    """The command in a process of its own, with this cache and no other; what it said on its error stream."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(cache), "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1"}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **variables}  # all programs, however fast the machine
    source = "import sys; from triality.cli.main import main; sys.exit(main())"
    words = [sys.executable, "-c", source, *WORDS, "--out", str(out)]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


@pytest.mark.slow
def test_programs_from_disk_give_the_same_numbers_and_damage_costs_none(tmp_path):
    cache = tmp_path / "cache"
    command(tmp_path / "fresh", cache, TRIALITY_NO_CACHE="1")
    assert not (cache / "triality").exists()
    command(tmp_path / "written", cache)
    files = {path: path.stat().st_mtime_ns for path in cache.rglob("*-cache")}
    assert files
    assert UNREADABLE not in command(tmp_path / "read", cache)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*-cache")} == files
    for path in files:
        path.write_bytes(path.read_bytes()[:1000])
    assert "were damaged and are removed; they are compiled again" in command(tmp_path / "damaged", cache)
    assert all(path.stat().st_size > 1000 for path in files)
    (tmp_path / "file").write_text("no folder")
    assert "Error" not in command(tmp_path / "unwritable", tmp_path / "file")
    fresh = content(tmp_path / "fresh")
    for name in ("written", "read", "damaged", "unwritable"):
        assert content(tmp_path / name) == fresh
    # A folder of the user's own that cannot be written: jax warns, and the run goes on.
    command(tmp_path / "named", cache, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "file" / "below"))
    assert content(tmp_path / "named") == fresh

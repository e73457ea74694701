"""Files are replaced all at once, in the order that survives a power cut."""

import os
import subprocess
import sys

import pytest

from triality.errors import StorageError
from triality.runs.atomic import replace_file


def text(content):
    return lambda file: file.write(content)


def test_order_of_system_calls(tmp_path, monkeypatch):
    """write, fsync(file), verify, rename, fsync(folder): the rename never precedes the data."""
    calls = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (calls.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "fsync file"), real_fsync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), real_replace(a, b)))

    def write(file):
        calls.append("write")
        file.write(b"new")

    replace_file(tmp_path / "file", write, verify=lambda path: calls.append(f"verify {path.read_bytes().decode()}"))
    assert calls == ["write", "fsync file", "verify new", "replace", "fsync folder"]
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["open", "fsync", "replace"])
def test_a_failing_system_call_keeps_the_old_file(tmp_path, monkeypatch, name):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.open" if name == "open" else f"triality.runs.atomic.os.{name}", fail)
    with pytest.raises(StorageError, match="expected to be able to write it, got 'Input/output error'; free space"):
        replace_file(path, text(b"new"))
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


FULL_DISK = """
import os, resource, signal, sys
from pathlib import Path
from triality.errors import StorageError
from triality.runs.atomic import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    replace_file(Path(sys.argv[1]), lambda file: file.write(bytes(1_000_000)))
except StorageError as error:
    print(error)
"""


def test_a_full_disk(tmp_path):
    """A real refusal of the kernel: a limit on the size of files."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert "got 'File too large'; free space" in output_of(FULL_DISK, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


KILLED = """
import os, signal, sys, time
from pathlib import Path
from triality.runs.atomic import replace_file
path, versions = Path(sys.argv[1]), set()
for cycle in range(60):
    child = os.fork()
    if child == 0:
        for version in range(1_000 * cycle, 10**9):
            replace_file(path, lambda file: [file.write(b"%06d" % version * 1_000) for _ in range(5)])
        os._exit(0)
    while not path.exists() or int(path.read_bytes()[:6]) < 1_000 * cycle:
        time.sleep(0.0005)
    time.sleep(0.0001 * cycle)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    content = path.read_bytes()
    assert len(content) == 30_000 and content == content[:6] * 5_000, content[:60]
    versions.add(content[:6])
leftovers = [name for name in os.listdir(path.parent) if name != path.name]
assert all(name.startswith(".tmp-") for name in leftovers)
print(len(versions), len(leftovers))
"""


def test_killed_at_any_moment(tmp_path):
    """60 writers killed with SIGKILL: what is there is always one whole version. Some were caught at work, or this would show nothing."""
    versions, leftovers = map(int, output_of(KILLED, tmp_path / "file").split())
    assert versions == 60
    assert leftovers > 3


def output_of(script, path):
    """Run in a process without jax: its threads do not survive a fork."""
    return subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_exception_of_the_writer_or_the_verifier_passes_through(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(_):
        raise StorageError("not what was written")

    with pytest.raises(StorageError, match="not what was written"):
        replace_file(path, text(b"new"), verify=refuse)
    with pytest.raises(ZeroDivisionError):
        replace_file(path, lambda file: 1 // 0)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="No such file or directory"):
        replace_file(tmp_path / "none" / "file", text(b"new"))


def test_the_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        replace_file(tmp_path / "file", text(b"new"))
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640

"""Output behind a pipe that is closed: the work goes on, and a command ends with its own exit code."""

import contextlib
import os
import subprocess
import sys

import pytest
from rich.console import Console

from triality.runs.lasting_output import LastingOutput


@pytest.fixture
def closed(capsys, monkeypatch):
    """The standard output is a pipe that nobody reads, and the errors are caught."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    yield stream
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_what_nobody_reads_is_dropped(closed, capsys):
    with LastingOutput() as output:
        output.said = "the run goes on"
        print("a line", flush=True)
        Console().print("another")
        print("left in the buffer")
    print("after it", flush=True)  # the descriptor leads nowhere now, whoever writes to it
    assert sys.stdout is closed
    assert capsys.readouterr().err == "the run goes on\n"


def test_without_it_a_console_ends_the_process(closed):
    """The control."""
    with pytest.raises(SystemExit):
        Console().print("a line")


def test_what_is_left_at_the_end_is_dropped_as_well(closed):
    with LastingOutput():
        print("left in the buffer")
    closed.flush()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_a_full_disk_ends_what_has_nothing_at_stake(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with LastingOutput() as output:
            output.said = "the run goes on"
            print("a line", flush=True)
            output.said = ""
            with pytest.raises(OSError, match="No space left"):
                print("a line", flush=True)
            output.said = "so that what is left over does not matter"
        full.detach()


def test_a_command_behind_a_closed_pipe_ends_as_it_would(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    source = "import sys; from triality.cli.main import main; sys.exit(main())"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", source, "runs", "list", str(tmp_path)], stdout=writing, stderr=subprocess.PIPE, env=paths)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")

"""Output behind a pipe that is closed: the work goes on, and a command ends with its own exit code."""

import contextlib
import os
import subprocess
import sys

import pytest
from rich.console import Console

from triality.runs.lasting_output import LastingOutput


@contextlib.contextmanager
def printing_to(descriptor):
    """The standard output is that descriptor; what is left over in the end goes nowhere."""
    stream = os.fdopen(descriptor, "w")
    with contextlib.redirect_stdout(stream):
        yield stream
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    stream.close()


def unread():
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_what_nobody_reads_is_dropped(capsys):
    with printing_to(unread()) as stream:
        with LastingOutput() as output:
            output.said = "the run goes on"
            print("a line", flush=True)
            Console().print("another")
            print("left in the buffer")
        print("after it", flush=True)  # the descriptor leads nowhere now, whoever writes to it
        assert sys.stdout is stream
    assert capsys.readouterr() == ("", "the run goes on\n")


def test_without_it_a_console_ends_the_process():
    """The control."""
    with printing_to(unread()), pytest.raises(SystemExit):
        Console().print("a line")


def test_what_is_left_at_the_end_is_dropped_as_well():
    with printing_to(unread()) as stream:
        with LastingOutput():
            print("left in the buffer")
        stream.flush()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_a_full_disk_ends_only_what_has_nothing_at_stake():
    with printing_to(os.open("/dev/full", os.O_WRONLY)), LastingOutput() as output:
        output.said = "the run goes on"
        print("a line", flush=True)
        output.said = ""
        with pytest.raises(OSError, match="No space left"):
            print("a line", flush=True)
        output.said = "what is left over does not matter either"


@pytest.mark.faults
def test_a_command_behind_a_closed_pipe_ends_as_it_would(tmp_path):
    writing, source = unread(), "import sys; from triality.cli.main import main; sys.exit(main())"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", source, "runs", "list", str(tmp_path)], stdout=writing, stderr=subprocess.PIPE, env=paths)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")

"""Commands of several processes on this machine, which find each other at a port of their own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from triality.cli.main import main; sys.exit(main())"


def free_port():
    with socket.socket() as ours:
        ours.bind(("localhost", 0))
        return ours.getsockname()[1]


def started(words, out, count=2):
    """The processes of one command, each one's words in ``OUT.INDEX.log``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    meeting = ("--distributed", "--coordinator", f"localhost:{free_port()}", "--num-processes", str(count))
    processes = []
    for index in range(count):
        line = [sys.executable, "-c", COMMAND, *words, "--out", str(out), *meeting, "--process-index", str(index)]
        with open(log_of(out, index), "ab") as log:
            processes.append(subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd=ROOT))
    return processes


def log_of(out, index):
    return Path(f"{out}.{index}.log")


def said(out, index):
    return log_of(out, index).read_text()


def run_together(words, out, count=2):
    """To the end; fails with what they said where one fails."""
    processes = started(words, out, count)
    try:
        codes = [process.wait(400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * count, "\n".join(said(out, index)[-2000:] for index in range(count))

"""An abort of native code ends in the library's way: words, and an exit code."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys, threading
sys.path.insert(0, "src")
from triality.devices.aborting import end_instead_of_aborting
if sys.argv[1] == "told":
    end_instead_of_aborting("a peer is gone", 8)
threading.Thread(target=os.abort).start()
while True:
    pass
"""


def ended(how):
    return subprocess.run([sys.executable, "-c", CHILD, how], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_an_abort_in_another_thread_says_why():
    done = ended("told")
    assert (done.returncode, done.stderr) == (8, "triality: a peer is gone\n")
    # The negative control: without it the process dies of the signal.
    assert ended("not told").returncode == -6

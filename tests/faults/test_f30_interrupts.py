"""F30: ctrl-C at the beginning, while packages are imported, ends the command in one line; behind a closed pipe a run comes to its end."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.faults.kept_runs import IRL, ROOT, content, run_to_end
from triality.cli import entry
from triality.cli import main as cli
from triality.runs.interrupts import interrupts
from triality.runs.stop_request import StopRequest

INTERRUPTED = ("triality: interrupted\n", 130)


@pytest.fixture(autouse=True)
def _heeded():
    """As at a terminal: what a shell starts in the background ignores ctrl-C, and so would all that is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(module, words):
    """What the command says, and its exit code, when ctrl-C comes while ``module`` is being imported."""
    source = (
        "import sys\n"
        "class Telling:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            print('now', flush=True)\n"
        "sys.meta_path.insert(0, Telling())\n"
        "from triality.cli.entry import main\n"
        "sys.exit(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", source, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=with_sources()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    return said, process.returncode


def with_sources():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


@pytest.mark.faults
@pytest.mark.parametrize("module", ["tyro", "jax", "jax.numpy", "jaxlib.xla_client", "equinox", "optax"])
def test_f30_while_packages_are_imported(module, tmp_path):
    out = tmp_path / "run"
    assert interrupted_at(module, [*IRL.words, "--out", str(out)]) == INTERRUPTED
    assert not out.exists()


def test_f30_what_an_import_makes_of_it_is_still_an_interrupt(monkeypatch, capsys):
    def swallowing(options):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("numpy was not built correctly") from None

    monkeypatch.setitem(cli.COMMANDS, cli.InfoOptions, swallowing)
    assert entry.main.__module__ == "triality.cli.entry"
    assert cli.main(["info"]) == 130
    assert capsys.readouterr().err == "triality: interrupted\n"
    monkeypatch.setitem(cli.COMMANDS, cli.InfoOptions, lambda options: 1 // 0)  # the control: an error is an error
    with pytest.raises(ZeroDivisionError):
        cli.main(["info"])


def test_f30_one_that_got_lost_is_found_where_a_run_begins():
    with interrupts() as heeded:
        with contextlib.suppress(KeyboardInterrupt):  # as an import may
            os.kill(os.getpid(), signal.SIGINT)
        assert heeded.asked
        with pytest.raises(KeyboardInterrupt), StopRequest():
            raise AssertionError("the run has begun")
    with StopRequest() as request:
        assert request.signal is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


AGAIN = """
import os, signal
from triality.runs.interrupts import interrupts
with interrupts():
    for _ in range(2):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            print("lost", flush=True)
"""


@pytest.mark.faults
def test_f30_a_second_one_ends_at_once():
    done = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True, env=with_sources(), timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("lost\n", *INTERRUPTED)


@pytest.mark.faults
def test_a_run_behind_a_closed_pipe_comes_to_its_end(tmp_path):
    """As ``triality irl ... | head -0``: the same numbers, exit code 0, and a word on the errors."""
    run_to_end(IRL, tmp_path / "whole")
    reading, writing = os.pipe()
    os.close(reading)
    source = "import sys; from triality.cli.main import main; sys.exit(main())"
    words = [sys.executable, "-c", source, *IRL.words, "--out", str(tmp_path / "run"), "--checkpoint-every", "0"]
    threads = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1"}
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, env=with_sources() | threads, cwd=ROOT)
    os.close(writing)
    assert done.returncode == 0
    assert "nobody reads any more what is printed; the run goes on without it" in done.stderr
    assert content(tmp_path / "run") == content(tmp_path / "whole")

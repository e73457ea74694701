"""F1, F10, F29-F31, F37: a run that is killed at any look goes on to the same numbers, bit for bit, and never begins anew unasked."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.kept_runs import EBM, HOST, IRL, content, killed_after, run_to_end, seq_case, some_text, started
from triality.cli.main import main
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.keeper import Keeper
from triality.runs.lock import RunLock

SAVE_ALWAYS = ("--checkpoint-every", "0")


class Killed(BaseException):
    """As far as the run is concerned, the process is gone: nothing is saved any more."""


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return some_text(tmp_path_factory.mktemp("data") / "lines.txt")


def case_of(name, text):
    return {"irl": IRL, "host": HOST, "ebm": EBM, "seq": seq_case(text)}[name]


def killed_at_look(monkeypatch, number, case, out):
    """The run of this process, gone in the middle of its ``number``-th look: after the log has grown, before anything is saved."""
    looks, look = iter(range(1, 10_000)), Keeper.look

    def counting(self, *given, **named):
        if next(looks) == number:
            raise Killed
        return look(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "look", counting)
        with pytest.raises(Killed):
            main([*case.words, "--out", str(out), "--resume", *SAVE_ALWAYS])


@pytest.mark.faults
@pytest.mark.parametrize(("name", "kills"), [("irl", (1, 3)), ("host", (4, 7)), ("ebm", (30, 60)), ("seq", (20, 26))])
def test_a_killed_run_goes_on_to_the_same_numbers(name, kills, text, tmp_path, monkeypatch):
    case = case_of(name, text)
    assert main([*case.words, "--out", str(tmp_path / "whole")]) == 0
    for number in kills:
        killed_at_look(monkeypatch, number, case, tmp_path / "killed")
    assert main([*case.words, "--out", str(tmp_path / "killed"), "--resume", *SAVE_ALWAYS]) == 0
    whole, resumed = content(tmp_path / "whole"), content(tmp_path / "killed")
    assert resumed == whole
    assert len(CheckpointSeries(tmp_path / "killed").paths()) == 1
    # The negative control: another seed is another run.
    assert main([*case.words, "--seed", "7", "--out", str(tmp_path / "other")]) == 0
    other = content(tmp_path / "other")
    assert other["arrays"] != whole["arrays"]
    assert other["log"] != whole["log"]


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A run of irl that was stopped half-way."""
    out = tmp_path_factory.mktemp("half") / "run"
    with pytest.MonkeyPatch.context() as patch:
        killed_at_look(patch, 3, IRL, out)
    return out


def test_what_a_killed_run_left_can_be_evaluated(half, capsys):
    assert main(["eval", str(half), "--episodes", "1"]) == 0
    assert "mean action" in capsys.readouterr().out
    (half / "evaluation.json").unlink()


def test_another_configuration_is_refused_and_every_difference_named(half, capsys):
    assert main([*IRL.words[:-2], "--iterations", "25", "--seed", "3", "--gradient-penalty", "0.5", "--out", str(half), "--resume"]) == 2
    said = capsys.readouterr().err
    assert "seed: 0 there, 3 now" in said
    assert "gradient_penalty: None there, 0.5 now" in said or "gradient_penalty: 0.003 there, 0.5 now" in said
    assert "iterations" not in said.replace("--iterations", "")


def test_a_folder_with_a_run_is_refused_without_resume(half, capsys):
    assert main([*IRL.words, "--out", str(half)]) == 2
    assert "--resume or --overwrite" in capsys.readouterr().err


def test_f07_the_checkpoint_before_a_damaged_one_is_taken_and_it_is_said(half, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    shutil.copytree(half, out)
    newest, before = CheckpointSeries(out).paths()
    newest.write_bytes(newest.read_bytes()[:1000])
    killed_at_look(monkeypatch, 1, IRL, out)
    said = " ".join(capsys.readouterr().out.split())
    assert f"{newest.name} is damaged and was put aside as {newest.stem}.corrupt" in said
    assert "expected a zip of arrays" in newest.with_suffix(".why").read_text()
    assert [path.name for path in CheckpointSeries(out).paths()] == [before.name]


def test_f10_where_every_checkpoint_is_damaged_the_run_does_not_begin_anew(half, tmp_path, capsys):
    damaged = tmp_path / "run"
    shutil.copytree(half, damaged)
    for path in CheckpointSeries(damaged).paths():
        path.write_bytes(b"nothing")
    before = (damaged / "metrics.jsonl").read_bytes()
    assert main([*IRL.words, "--out", str(damaged), "--resume"]) == 6
    assert "begin anew with --overwrite" in capsys.readouterr().err
    assert (damaged / "metrics.jsonl").read_bytes() == before
    assert {path.suffix for path in (damaged / "checkpoints").iterdir()} == {".corrupt", ".why"}


@pytest.mark.faults
def test_a_longer_run_goes_on_from_a_finished_one(half, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(half, out)
    shorter = (*IRL.words[:-1], "12")
    assert main([*shorter, "--out", str(out), "--resume"]) == 0
    assert main([*shorter, "--out", str(out), "--resume"]) == 0
    assert "has come to its end" in capsys.readouterr().err
    assert main([*IRL.words[:-1], "5", "--out", str(out), "--resume"]) == 2
    assert "expected at least 12 iterations, which the run has done, got 5; ask for more" in capsys.readouterr().err
    assert (out / "summary.json").exists()
    assert main([*IRL.words, "--out", str(out), "--resume"]) == 0
    assert "summary.json, report.html, figures.npz of what it was are removed" in " ".join(capsys.readouterr().out.split())
    assert [json.loads(line)["iteration"] for line in (out / "metrics.jsonl").read_text().splitlines()] == [5, 10, 12, 15, 20]
    assert main([*IRL.words, "--out", str(tmp_path / "whole")]) == 0
    assert content(out)["arrays"] == content(tmp_path / "whole")["arrays"]


def test_f31_a_second_run_in_the_folder_is_refused(half, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(half, out)
    with RunLock(out):
        for how in ("--resume", "--overwrite"):
            assert main([*IRL.words, "--out", str(out), how]) == 7
            assert f"got one of process {os.getpid()} on " in capsys.readouterr().err
    assert CheckpointSeries(out).paths()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), pytest.param(signal.SIGINT, 130, marks=pytest.mark.faults)])
def test_f29_f30_a_signal_leaves_a_checkpoint_of_just_then(number, code, half, tmp_path, monkeypatch, capsys):
    out, log = tmp_path / "run", Keeper.log
    shutil.copytree(half, out)

    def and_signal(self, record):
        log(self, record)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Keeper, "log", and_signal)
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert main([*IRL.words, "--out", str(out), "--resume", "--checkpoint-every", "1000"]) == code
    assert "--resume goes on" in capsys.readouterr().err
    found = CheckpointSeries(out).newest()
    assert found is not None
    assert found[0].step == json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["iteration"]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers


BUSY = """
import sys, time
from triality.runs.stop_request import StopRequest
with StopRequest(save=lambda: print("saved", flush=True), grace=float(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize(("signals", "grace", "code", "said"), [(1, 0.3, 75, "saved"), (2, 30.0, 128 + signal.SIGTERM, "")])
def test_f29_a_process_too_busy_to_stop_is_ended_by_its_watch(signals, grace, code, said):
    """The main thread sleeps on, as it does within a long compilation; a second signal does not wait for anything."""
    process = subprocess.Popen([sys.executable, "-c", BUSY, str(grace)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(signals):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert process.wait(20) == code
    assert process.stdout.read().strip() == said


@pytest.mark.faults
def test_f31_of_two_processes_one_is_refused(tmp_path):
    first = started(IRL, tmp_path / "run")
    try:
        until(lambda: (tmp_path / "run" / "config.json").is_file(), 120)
        began = time.monotonic()
        assert started(IRL, tmp_path / "run", "--resume", cpus=(1,)).wait(60) == 7
        assert time.monotonic() - began < 10  # under a second on a quiet machine, most of it the start of the interpreter
        assert f"process {first.pid} on " in (tmp_path / "run.log").read_text()
    finally:
        first.kill()
        first.wait()
    # What the kernel took back is free again at once.
    assert killed_after(IRL, tmp_path / "run", 2.0) == -signal.SIGKILL


@pytest.mark.faults
def test_f31_of_twenty_racing_starters_exactly_one_wins(tmp_path):
    source = (
        "import sys, time; from pathlib import Path; from triality.runs.lock import RunLock; from triality.errors import RunLockedError\n"
        "try:\n    with RunLock(Path(sys.argv[1])):\n        time.sleep(5)\nexcept RunLockedError:\n    sys.exit(7)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", source, str(tmp_path / "run")]) for _ in range(20)]
    assert sorted(process.wait() for process in processes) == [0, *[7] * 19]


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_f29_f30_signals_at_random_moments(number, code, tmp_path):
    """Ten runs, stopped while they start, compile, learn or save; the same numbers in the end."""
    draw = random.Random(os.urandom(8))
    run_to_end(IRL, tmp_path / "whole")
    seconds = run_to_end(IRL, tmp_path / "again")
    whole = content(tmp_path / "whole")
    stopped = 0
    for index in range(20):
        out = tmp_path / f"stopped{index}"
        while stopped < 10:
            began = time.monotonic()
            moment = draw.uniform(0.1, 1.0) * seconds
            found = killed_after(IRL, out, moment, number)
            if found is None:
                break
            assert time.monotonic() - began - moment < 20
            # Before the run has begun, while the interpreter starts, nobody listens yet.
            assert found in (code, -number, 130)
            stopped += 1
        run_to_end(IRL, out, "--resume")
        assert content(out) == whole
        if stopped == 10:
            return
    raise AssertionError("the runs ended too fast to be stopped")


def until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["irl", "host", "ebm", "seq"])
def test_f01_killed_at_random_moments(name, text, tmp_path):
    """25 kill -9 a command, at uniformly random moments of a run; as many whole runs as they take."""
    case, draw = case_of(name, text), random.Random(os.urandom(8))
    run_to_end(case, tmp_path / "whole")
    seconds = run_to_end(case, tmp_path / "again")
    whole = content(tmp_path / "whole")
    assert content(tmp_path / "again") == whole
    killed = 0
    for index in range(100):
        out = tmp_path / f"killed{index}"
        while killed < 25 and killed_after(case, out, draw.uniform(0.1, 1.0) * seconds) is not None:
            killed += 1
        run_to_end(case, out, "--resume")
        assert content(out) == whole
        assert not [path for path in out.rglob(".tmp-*")]
        if killed == 25:
            return
    raise AssertionError("the runs ended too fast to be killed")

"""An environment that takes its process with it, or never answers: a finding that names the call, beside all that was found before."""

import os
import re

import gymnasium
import pytest

from tests.faults.faulty_environments import Line
from tests.faults.processes import NEEDS_PROC, zombies
from triality.cli.main import main
from triality.errors import ConfigError
from triality.simulators import check_apart as apart
from triality.simulators.check import check_simulator
from triality.simulators.check_apart import check_apart

LINE, AILING, FAILING = (f"tests.faults.faulty_environments:{name}-v0" for name in ("Line", "Ailing", "Failing"))
ENDS = {
    "crash": r"got the end of the process by SIGSEGV \(signal 11\); its stack:.* in crash\n.* native code failed",
    "leave": "got the end of the process with exit code 3; find out what in the environment ends the process",
    "eat": r"got the end of the process by SIGKILL \(signal 9\); .* for want of memory",
    "hang": "expected an answer within 0.5 s, got nothing; its stack:.* in hang\n",
    "lock": "expected an answer within 0.5 s, got nothing; its stack:.* in hang_with_the_lock\n",
}
WHERE = {1: "reset to seed 0", 7: "seed 0, step 6, action ", 14: "a step after the end of an episode", 125: "seed 0, step 1 of a replay"}
"""By the number of the call that fails: episodes have twelve steps, and 100 are random."""


@pytest.fixture
def failing(monkeypatch):
    def fail(call, how):
        monkeypatch.setenv("TRIALITY_FAIL_AT", str(call))
        monkeypatch.setenv("TRIALITY_FAIL_HOW", how)

    return fail


@NEEDS_PROC
def test_a_crash_is_found_with_its_call_and_the_other_findings_are_kept(failing, capsys):
    """By the command, with the exit code of an environment that has faults."""
    failing(7, "crash")
    assert main(["check-env", AILING, "--steps", "100"]) == 4
    said = capsys.readouterr()
    faults = said.err.split("\n  seed 0, ")
    assert "got 2 faults:" in faults[0]
    assert faults[1].startswith("step 1, action ")
    assert faults[1].endswith("got NoneType None; return {} for nothing (5 times)")
    assert faults[2].startswith("step 6, action ")
    assert "the end of the process by SIGSEGV (signal 11); its stack:" in faults[2]
    assert "in crash\n" in faults[2]
    assert "12 steps" in said.out  # what was looked at before
    assert zombies() == []


@NEEDS_PROC
@pytest.mark.faults
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("call", WHERE)
def test_every_end_at_every_kind_of_call(call, how, failing):
    failing(call, how)
    num_steps = 12 if call == 14 else 100
    faults = check_apart(FAILING, num_steps=num_steps, patience=0.5).faults
    assert len(faults) == 1
    assert faults[0].startswith(WHERE[call])
    assert re.search(f"(?s){ENDS[how]}", faults[0])
    assert zombies() == []


@pytest.mark.faults
def test_the_report_is_that_of_this_process():
    here, there = check_simulator(LINE, num_steps=100), check_apart(LINE, num_steps=100)
    assert (there.env_id, there.faults, there.notes) == (here.env_id, here.faults, here.notes)
    assert list(there.facts) == list(here.facts)
    assert all(there.facts[what] == found for what, found in here.facts.items() if what != "steps a second")


def test_what_cannot_be_made_elsewhere_is_looked_at_here(monkeypatch):
    """A function without a name; without the way out, it could not be looked at."""
    monkeypatch.setattr(apart, "ChildProcess", lambda *given: pytest.fail("a process was started"))
    report = check_apart("Line-v0", lambda: gymnasium.wrappers.TimeLimit(Line(), 12), num_steps=20)
    assert report.faults == ()
    assert report.facts["time limit"] == "12 steps"
    with pytest.raises(ConfigError, match="expected at least one step, got 0"):
        check_apart(LINE, num_steps=0)


@pytest.mark.faults
def test_so_is_what_is_registered_in_this_process_alone():
    gymnasium.register("OnlyHere-v0", Line, max_episode_steps=12)
    try:
        assert check_apart("OnlyHere-v0", num_steps=20).facts["time limit"] == "12 steps"
    finally:
        del gymnasium.registry["OnlyHere-v0"]
    with pytest.raises(ConfigError, match="that Gymnasium can make, got 'OnlyHere-v0'"):
        check_apart("OnlyHere-v0", num_steps=20)


def make_in_another_process():
    if os.environ.get("TRIALITY_PARENT") == str(os.getpid()):
        raise AssertionError("it was made in this process")
    return gymnasium.wrappers.TimeLimit(Line(), 12)


@pytest.mark.faults
def test_a_function_of_a_module_is_found_there(monkeypatch):
    monkeypatch.setenv("TRIALITY_PARENT", str(os.getpid()))
    assert check_apart("Line-v0", make_in_another_process, num_steps=20).faults == ()
    assert "it was made in this process" in check_simulator("Line-v0", make_in_another_process, num_steps=20).faults[0]

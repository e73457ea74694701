"""Nothing that a tracker does reaches the run: not what it raises, not how long it takes."""

import subprocess
import sys
import textwrap
import time

import pytest

from tests.tracking.trackers import Hanging, Raising, Recording, Slow
from triality.tracking.guarded import GuardedTracker
from triality.tracking.tracker import Together, Tracker

PATIENCE = 0.3


def track(inside, num_steps=5, capacity=256, pause=0.0):
    """Runs the whole course and returns the notes and the longest time that one call of log took."""
    notes, longest = [], 0.0
    guarded = GuardedTracker(inside, "fake", notes.append, PATIENCE, capacity)
    guarded.begin("run", {"lr": 0.1})
    for step in range(num_steps):
        start = time.perf_counter()
        guarded.log(step, {"loss": 1.0 / (step + 1)})
        longest = max(longest, time.perf_counter() - start)
        time.sleep(pause)
    guarded.end({"seconds": 1.0})
    return notes, longest


def test_everything_arrives_in_order():
    inside = Recording()
    assert track(inside)[0] == []
    assert inside.calls[0] == ("begin", "run", {"lr": 0.1})
    assert [call[1] for call in inside.calls[1:-1]] == [0, 1, 2, 3, 4]
    assert inside.calls[-1] == ("end", {"seconds": 1.0})
    assert isinstance(GuardedTracker(inside, "fake"), Tracker)


def test_a_change_after_the_call_is_not_seen():
    inside, numbers = Hanging("begin"), {"loss": 1.0}
    guarded = GuardedTracker(inside, "fake", lambda note: None, PATIENCE)
    guarded.begin("run", {})
    guarded.log(0, numbers)
    numbers["loss"] = 2.0
    inside.gate.set()
    guarded.end(None)
    assert ("log", 0, {"loss": 1.0}) in inside.calls


@pytest.mark.parametrize("method", ["begin", "log", "end"])
@pytest.mark.parametrize("error", [RuntimeError("sabotage"), SystemExit(3), KeyboardInterrupt("sabotage")])
def test_what_it_raises_is_said_once_and_it_is_left_alone(method, error):
    inside = Raising(method, error)
    notes, _ = track(inside, num_steps=50, pause=0.002)
    assert notes == [f"tracker fake: {type(error).__name__}: {error}; the run goes on without it"]
    assert inside.count("begin") == 1
    assert inside.count("log") == {"begin": 0, "log": 1, "end": 50}[method]
    assert inside.count("end") == {"begin": 0, "log": 0, "end": 1}[method]


@pytest.mark.parametrize("method", ["begin", "log", "end"])
def test_one_that_hangs_costs_its_patience_at_the_end_and_nothing_before(method):
    inside = Hanging(method)
    start = time.perf_counter()
    notes, longest = track(inside, num_steps=20, pause=0.03)
    assert longest < 0.1
    assert time.perf_counter() - start < 20 * 0.03 + PATIENCE + 1.0
    slow = [note for note in notes if "has not answered" in note]
    assert len(slow) == (0 if method == "end" else 1)
    assert notes[-1] == f"tracker fake: not done after {PATIENCE} s, the run ends without it"
    inside.gate.set()


def test_one_that_hangs_misses_what_does_not_fit_and_the_count_is_told():
    inside = Hanging("log")
    notes, longest = track(inside, num_steps=100, capacity=10)
    assert longest < 0.1
    # One is under way, ten wait; then the end and the stop take two of their places.
    assert "; 91 records" in notes[-1] or "; 92 records" in notes[-1]
    inside.gate.set()


def test_a_slow_one_gets_what_it_can_take_and_the_rest_is_counted():
    inside = Slow(0.01)
    notes, longest = track(inside, num_steps=200, capacity=5, pause=0.002)
    assert longest < 0.1
    taken = inside.count("log")
    assert 5 <= taken < 200
    (note,) = notes
    assert f"; {200 - taken} records" in note
    assert inside.count("end") == 1


def test_one_bad_tracker_does_not_cost_the_others_anything():
    good, notes = Recording(), []
    inside = (Raising("begin"), good, Raising("log"))
    together = Together(tuple(GuardedTracker(each, f"t{place}", notes.append, PATIENCE) for place, each in enumerate(inside)))
    together.begin("run", {})
    for step in range(10):
        together.log(step, {"loss": 0.0})
    together.end(None)
    assert good.count("log") == 10
    assert good.calls[-1] == ("end", None)
    assert sorted(note.split(":")[0] for note in notes) == ["tracker t0", "tracker t2"]


def test_a_process_with_a_tracker_that_hangs_can_exit():
    code = """
        from tests.tracking.trackers import Hanging
        from triality.tracking.guarded import GuardedTracker
        guarded = GuardedTracker(Hanging("begin"), "fake", print, 0.1)
        guarded.begin("run", {})
        guarded.end(None)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=20, check=True)
    assert "the run ends without it" in done.stdout

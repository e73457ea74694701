"""The clock and the stopping of a compared run, and what is read off its curve, by hand."""

import json
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCALE = {"random": 0.0, "demonstrations": 100.0}


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers"))


def curve_of(path, returns, **task):
    """A curve that is over at 30 steps with a return of 90, and evaluates by giving out ``returns``."""
    from learning_curve import Clock, LearningCurve

    left = iter(returns)
    task = {"evaluate_every": 10, "limit": 1e9, "enough": 30, "good": 90.0} | task
    return LearningCurve(path, task, Clock(time.time()), lambda: next(left))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_goes_on_until_it_has_both_its_steps_and_one_good_evaluation(tmp_path):
    early, late = (
        curve_of(tmp_path / name, returns) for name, returns in (("a", ([95.0], [10.0], [20.0])), ("b", ([5.0],) * 3 + ([91.0],)))
    )
    assert [early.go_on(steps, steps) for steps in (10, 20, 30)] == [True, True, False]  # good once is enough, but not before its steps
    assert [late.go_on(steps, steps) for steps in (10, 20, 30, 40)] == [True, True, True, False]


def test_evaluations_come_at_the_first_round_past_each_multiple(tmp_path):
    curve = curve_of(tmp_path / "curve", [[0.0, 2.0]] * 9)
    for steps in range(8, 48, 8):
        curve.go_on(steps, steps)
    curve.end(40)
    *points, last = lines_of(tmp_path / "curve")
    assert [point["env_steps"] for point in points] == [16, 24, 32, 40]
    assert {point["return"] for point in points} == {1.0}
    assert last["kind"] == "end"


def test_the_limit_is_one_of_learning_and_evaluation_is_outside_its_clock(tmp_path):
    def slowly():
        time.sleep(0.2)
        return [0.0]

    curve = curve_of(tmp_path / "curve", [], limit=0.1)
    curve.evaluate = slowly
    curve.clock.enter("learn")
    assert curve.go_on(10, 10)  # 0.2 seconds have passed, in the evaluation
    time.sleep(0.1)
    assert not curve.go_on(11, 11)
    first, second = lines_of(tmp_path / "curve")  # the last round is evaluated too
    assert first["seconds"] < 0.1 <= second["seconds"]
    assert second["seconds_evaluating"] >= 0.4


def run_of(returns, steps, seconds, before=5.0):
    points = zip(returns, steps, seconds, strict=True)
    return {"evaluations": [{"return": r, "env_steps": n, "seconds": s, "seconds_before": before} for r, n, s in points]}


def test_figures_of_a_curve():
    from peer_curves import figures

    record = {"scale": SCALE, "env_steps": 400}
    found = figures(record, run_of([20.0, 60.0, 95.0], [100, 250, 350], [1.0, 2.5, 3.5]))
    assert found["at 0.0001 M"] == pytest.approx(0.2)
    assert found["at 0.0002 M"] == pytest.approx(0.2 + 0.4 * 2 / 3)  # a straight line between two evaluations
    assert found["at 0.0004 M"] is None  # it was not made, and nothing is carried on from the last one
    assert (found["steps_to_good"], found["seconds_to_good"], found["seconds_in_all"]) == (350, 3.5, 8.5)
    assert found["steps_per_second"] == pytest.approx(100.0)


def test_a_rival_that_never_got_there_gives_a_bound_and_never_a_ratio():
    from peer_curves import advantage, figures

    record = {"scale": SCALE, "env_steps": 400}

    def found(value, seconds):
        return {"0": figures(record, run_of([value], [400], [seconds]))}

    ours, slow, lost = found(95.0, 2.0), found(95.0, 30.0), found(10.0, 50.0)
    assert advantage(ours, [slow], "seconds_to_good") == "15.0"
    assert advantage(ours, [lost], "seconds_to_good") == "> 25.0"
    assert advantage(ours, [lost], "seconds_in_all") == "> 7.9"  # (50 + 5) over (2 + 5)
    assert advantage(ours, [lost, slow], "seconds_to_good") == "15.0"
    assert advantage(lost, [slow], "seconds_to_good") == ""
    assert advantage(ours, [{"1": slow["0"]}], "seconds_to_good") == ""  # no seed in common
    assert advantage(slow, [found(10.0, 3.0)], "seconds_to_good") == ""  # a bound of 0.1


def test_a_run_that_was_ended_from_outside_keeps_its_curve():
    from irl_vs_imitation_mujoco import read_run

    lines = [{"kind": "start", "threads": 1}, {"kind": "evaluation", "env_steps": 10, "return": 1.0}, {"kind": "end", "env_steps": 12}]
    whole, cut = (read_run("\n".join(json.dumps(line) for line in part)) for part in (lines, lines[:2]))
    assert (whole["env_steps"], whole["threads"], len(whole["evaluations"])) == (12, 1, 1)
    assert (cut["evaluations"], cut["seconds"]) == (whole["evaluations"], None)

"""``triality bench``: refusals before anything is measured, ratios out of the repository's records, and one run profiled for real."""

import json

import pytest

from triality.cli import side_by_sides
from triality.cli.main import main
from triality.profiling.record import read_bench

REFUSED = {
    "no repeats": (["--repeats", "0"], "--repeats"),
    "one chunk": (["--chunks", "1"], "--chunks"),
    "nothing to do": (["--runs"], "--recorded"),
    "an objective of no density": (["--runs", "ebm", "--ebm-objective", "ganx"], "did you mean 'gan'"),
    "an objective of no sequences": (["--runs", "seq", "--seq-objective", "hinge"], "--seq-objective"),
    "a target that is none": (["--runs", "ebm", "--ebm-target", "two-suns"], "two-moons"),
    "an environment without demonstrations": (["--runs", "irl", "--env", "CartPole-v1"], "triality expert --env CartPole-v1"),
    "a level that an algorithm has not": (["--runs", "irl", "--algorithm", "airl", "--level", "trajectory"], "--level step"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case, tmp_path, capsys):
    arguments, words = REFUSED[case]
    out = tmp_path / "bench"
    assert main(["bench", "--out", str(out), *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("triality: ")
    assert words in message
    assert not out.exists()


def test_all_problems_are_told_together(tmp_path, capsys):
    assert main(["bench", "--out", str(tmp_path / "bench"), "--repeats", "0", "--chunks", "0", "--seeds", "0"]) == 2
    assert "3 options cannot be used" in capsys.readouterr().err


def test_without_a_checkout_side_by_sides_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(side_by_sides, "find_checkout", lambda: None)
    assert main(["bench", "--runs", "--recorded", "--out", str(tmp_path / "bench")]) == 2
    assert "clone the repository" in capsys.readouterr().err


def test_recorded_ratios_are_collected_and_nothing_is_overwritten_unasked(tmp_path, capsys):
    out = tmp_path / "bench"
    arguments = ["bench", "--runs", "--recorded", "densities", "--out", str(out)]
    assert main(arguments) == 0
    assert "flow, maf" in capsys.readouterr().out
    record = read_bench(out / "bench.json")
    assert {each.benchmark for each in record.peers} == {"density_speed"}
    assert record.programs == ()
    assert record.peers[0].words in (out / "bench.html").read_text()
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("runs", ["irl", "ebm", "seq"])
def test_a_run_is_profiled_stage_by_stage(tmp_path, runs):
    out = tmp_path / "bench"
    assert main(["bench", "--runs", runs, "--repeats", "2", "--chunks", "2", "--out", str(out)]) == 0
    record = read_bench(out / "bench.json")
    stages = {"irl": ["collect", "densities", "cost update", "policy update"], "ebm": ["gradient step"], "seq": ["gradient step"]}[runs]
    program = record.programs[0]
    assert [stage.name for stage in program.step_stages] == stages
    assert program.chunk.recompiled == ()
    assert program.chunk.compile.warm < program.chunk.compile.cold
    # The count of the whole is about that of its parts: neither misses a loop.
    parts = sum(stage.times * stage.count.operations for stage in program.step_stages)
    assert 0.5 < parts / program.whole.count.operations < 2.0
    assert json.loads((out / "bench.json").read_text())["format"] == 2
    assert program.name in (out / "bench.html").read_text()

"""Where a run stands, from its folder alone."""

import pytest

from triality.runs import standing
from triality.runs.standing import planned_iterations, standing_of


def records(*places):
    return [{"seed": seed, "iteration": iteration, "seconds": seconds} for seed, iteration, seconds in places]


def stand(folder, logged, command="irl", **config):
    return standing_of(folder, command, {"iterations": 100, "seeds": 1, **config}, logged)


def test_a_folder_is_finished_running_or_interrupted(tmp_path, monkeypatch):
    assert stand(tmp_path, []).state == "interrupted"
    monkeypatch.setattr(standing.lock, "holder", lambda folder: {"pid": 7})
    assert stand(tmp_path, [])[:2] == ("running", {"pid": 7})
    (tmp_path / "summary.json").touch()
    assert stand(tmp_path, []).state == "finished"


def test_one_seed_is_at_its_last_iteration_and_compilation_is_left_out_of_the_pace(tmp_path):
    found = stand(tmp_path, records((0, 10, 60.0), (0, 20, 62.0), (0, 40, 66.0)))
    assert (found.progress, found.whose, found.seconds) == ("40 of 100", "", 66.0)
    assert found.seconds_left == pytest.approx(60 * 6.0 / 30)


def test_seeds_of_one_program_keep_step_though_their_clocks_differ_a_little(tmp_path):
    found = stand(tmp_path, records((0, 10, 60.0), (1, 10, 60.1), (0, 20, 62.0), (1, 20, 62.1)), seeds=2)
    assert (found.progress, found.whose) == ("20 of 100", "of each seed")
    assert found.seconds_left == pytest.approx(160 * 2.0 / 20)


def test_seeds_one_after_another_whose_clock_begins_anew(tmp_path):
    found = stand(tmp_path, records((0, 50, 30.0), (0, 100, 50.0), (1, 50, 30.0)), seeds=2)
    assert (found.progress, found.whose, found.seconds) == ("150 of 200", "of all seeds together", 80.0)
    assert found.seconds_left == pytest.approx(50 * 50.0 / 100)


@pytest.mark.parametrize("logged", [[], records((0, 10, 5.0)), [{"iteration": "x"}, {"seconds": None}], [{"note": "nothing"}]])
def test_where_nothing_tells_there_is_no_time_left(logged, tmp_path):
    assert stand(tmp_path, logged).seconds_left is None


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_log_that_holds_anything_at_all_can_be_read(seeds, tmp_path):
    """Logs are read as they are found, other programs' too; two strange records are told from each other, and from a seed."""
    logged = [{"seed": [0, 1], "iteration": [3], "point": {"rate": 0.1}}, {"seed": {}, "iteration": 4}, {"seed": 0, "iteration": 5}]
    assert stand(tmp_path, logged, seeds=seeds).done == 9


def test_a_run_that_met_nan_says_so(tmp_path):
    (tmp_path / "failed.json").write_text('{"error": "NaN in the cost"}')
    assert stand(tmp_path, []).failure == "NaN in the cost"


STAGES = {"generator_steps": 30, "energy_steps": 50, "seeds": 2}


@pytest.mark.parametrize(
    ("command", "config", "planned"),
    [
        ("irl", {"iterations": 10, "seeds": 3}, 30),
        ("expert", {"iterations": 10}, 10),
        ("irl", {}, None),
        ("irl", {"iterations": -1, "seeds": 1}, None),
        ("irl", {"iterations": "many", "seeds": 1}, None),
        ("ebm", {"objective": "nce", **STAGES}, 160),
        ("ebm", {"objective": "mle", **STAGES}, 60),
        ("seq", {"objective": "seqgan", **STAGES}, 160),
        ("seq", {"objective": "mixer", **STAGES}, 260),
        ("seq", {"objective": "scheduled-sampling", **STAGES}, 60),
    ],
)
def test_what_is_planned(command, config, planned):
    assert planned_iterations(command, config) == planned

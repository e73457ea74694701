"""Where the time of a run on the host went."""

import pytest

from triality.runs.report.curves import Curves
from triality.runs.report.time_shares import time_panel


def line(seed, iteration, physics, policy, collect, update):
    seconds = {"seconds_physics": physics, "seconds_policy": policy, "seconds_collect": collect, "seconds_update": update}
    return {"seed": seed, "iteration": iteration, "env_steps": 100 * iteration, **seconds}


def test_shares_are_of_the_iterations_after_the_one_that_compiles():
    panel = time_panel(
        Curves.from_records([line(0, 1, 1.0, 1.0, 3.0, 95.0), line(0, 2, 4.0, 2.0, 7.0, 3.0), line(0, 3, 4.0, 2.0, 7.0, 3.0)])
    )
    assert panel is not None
    assert "physics 40 %, policy 20 %, rest of collecting 10 %, update 30 %" in panel.caption
    assert "physics 40 %" in panel.alt


def test_a_single_iteration_is_shown_as_it_is():
    panel = time_panel(Curves.from_records([line(0, 1, 1.0, 1.0, 2.0, 2.0), line(1, 1, 3.0, 1.0, 4.0, 0.0)]))
    assert panel is not None
    assert "physics 50 %" in panel.caption


@pytest.mark.parametrize("records", [[], [{"seed": 0, "iteration": 1, "ess": 2.0}]])
def test_a_compiled_run_has_no_such_figure(records):
    assert time_panel(Curves.from_records(records)) is None

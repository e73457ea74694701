"""Demonstrations against an environment."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from triality.data.checks import check_against
from triality.data.demonstrations import Demonstrations
from triality.data.duplicates import duplicate_fraction
from triality.errors import ConfigError, DataError
from triality.specs import EnvironmentSpec

BOX = EnvironmentSpec("Box-v0", 2, action_size=2, action_low=(-1.0, -0.4), action_high=(1.0, 0.4), time_limit=3)
WHEEL = EnvironmentSpec("Wheel-v0", 2, num_actions=3, time_limit=3)


def continuous(actions=None, **changes):
    actions = np.array([[0.1, 0.2], [-1.0, 0.4], [1.0, -0.4]], np.float32) if actions is None else np.asarray(actions, np.float32)
    observations = np.arange(6, dtype=np.float32).reshape(3, 2)
    return Demonstrations(
        **({"observations": observations, "actions": actions, "lengths": np.array([2, 1]), "log_prob": np.zeros(3)} | changes)
    )


def discrete(actions=(0, 2, 1)):
    return Demonstrations(np.arange(6.0).reshape(3, 2), np.array(actions), np.array([2, 1]))


def message_of(demos, spec, **options):
    with pytest.raises(DataError) as caught:
        check_against(demos, spec, **options)
    return str(caught.value)


def test_what_fits_passes_unchanged():
    """Actions exactly on the bound are inside, also where float32 rounds the bound up (0.4)."""
    demos = continuous()
    assert check_against(demos, BOX, num_demos=2) == (demos, ())
    assert check_against(discrete(), WHEEL).notes == ()


def test_sizes():
    assert "observations: expected 5 coordinates, got 2" in message_of(continuous(), EnvironmentSpec("E", 5, action_size=2, time_limit=3))
    assert "actions: expected 1 coordinates, got 2" in message_of(continuous(), EnvironmentSpec("E", 2, action_size=1, time_limit=3))
    assert "lengths: expected at most 1 steps (the time limit), got 2" in message_of(
        continuous(), EnvironmentSpec("E", 2, action_size=2, time_limit=1)
    )


def test_discrete_against_continuous():
    assert "expected continuous actions of 2 coordinates, got discrete ones" in message_of(discrete(), BOX)
    assert "expected discrete ones (0 to 2), got continuous ones" in message_of(continuous(), WHEEL)


@pytest.mark.parametrize(("actions", "fragment"), [((0, 3, 3), "got 2 others, the first at index 1: 3"), ((0, 1, -1), "at index 2: -1")])
def test_index_range(actions, fragment):
    message = message_of(discrete(actions), WHEEL)
    assert "expected indices 0 to 2" in message
    assert fragment in message


@pytest.mark.parametrize("recorded", ["Box-v1", "Hopper-v5", "mine:Other-v0", "suite/Box-v0"])
def test_those_of_another_environment_or_version_are_refused(recorded):
    message = message_of(continuous(meta={"environment": recorded}), BOX)
    assert f"expected demonstrations of Box-v0, got those of {recorded}; use --env {recorded}, or" in message
    assert "demos convert FILE OUT --env Box-v0" in message
    message = message_of(continuous(meta={"environment": recorded}), BOX, source="mine.npz")
    assert message.startswith("mine.npz for Box-v0: meta: ")
    assert "demos convert mine.npz OUT --env Box-v0" in message


def test_a_name_that_is_the_same_or_is_no_id_is_no_problem():
    for recorded in ("Box-v0", "mine:Box-v0", "", 3, None):
        assert check_against(continuous(meta={"environment": recorded}), BOX).notes == ()
    assert check_against(continuous(meta={"environment": "Box-v0"}), replace(BOX, name="mine:Box-v0")).notes == ()
    notes = check_against(continuous(meta={"environment": "the robot in room 4"}), BOX).notes
    assert notes == ("meta names the environment 'the robot in room 4', which is no id: that it is Box-v0 is not checked",)


@pytest.mark.parametrize("num_demos", [0, 3, -1])
def test_more_demonstrations_than_exist(num_demos):
    assert f"expected 1 to 2 (all there are), got {num_demos}; lower --num-demos" in message_of(continuous(), BOX, num_demos=num_demos)


OUTSIDE = [[0.1, 0.2], [-1.5, 0.5], [1.0, -0.4]]


def test_actions_outside_are_an_error_by_default():
    message = message_of(continuous(OUTSIDE), BOX)
    for fragment in (
        "within the box of Box-v0",
        "got 33.3% of the coordinates (33.3% of the steps) outside, the first at index (1, 0): -1.5; use",
        "--actions clip",
        "--actions raw",
    ):
        assert fragment in message
    assert "outside" in message_of(continuous(np.nextafter(np.float32([[1, 0.4]] * 3), np.float32(2))), BOX)


def test_clipped_actions_stay_within_the_margin_and_the_others_where_they_were():
    checked = check_against(continuous(OUTSIDE), BOX, actions="clip", margin=0.1)
    low, high = np.array(BOX.action_low), np.array(BOX.action_high)
    inset = 0.05 * (high - low)
    np.testing.assert_allclose(checked.demonstrations.actions, np.clip(OUTSIDE, low + inset, high - inset), rtol=1e-6)
    assert "to 0.9 of the box" in checked.notes[0]


def test_clipping_drops_log_prob_and_says_so():
    checked = check_against(continuous(OUTSIDE), BOX, actions="clip")
    np.testing.assert_array_equal(checked.demonstrations.actions, np.float32([[0.1, 0.2], [-1.0, 0.4], [1.0, -0.4]]))
    assert checked.demonstrations.log_prob is None
    assert checked.notes == (
        "clipped 2 action coordinates to the box, 33.3% of the coordinates (33.3% of the steps); their log_prob is dropped",
    )
    assert check_against(continuous(), BOX, actions="clip").demonstrations.log_prob is not None  # nothing to clip, nothing to drop


def test_raw_keeps_actions_and_log_prob():
    demos = continuous(OUTSIDE)
    checked = check_against(demos, BOX, actions="raw")
    assert checked.demonstrations is demos
    assert "kept actions outside the box, 33.3%" in checked.notes[0]


def test_unknown_policy_of_actions():
    with pytest.raises(ConfigError, match="expected --actions error, clip, raw, got 'squash'"):
        check_against(continuous(), BOX, actions="squash")


def test_all_problems_come_together():
    spec = EnvironmentSpec("E", 7, num_actions=2, time_limit=1)
    message = message_of(discrete((0, 1, 5)), spec, num_demos=9)
    assert "4 problems" in message
    assert all(f"- {name}: expected" in message for name in ("observations", "lengths", "number of demonstrations", "actions"))


def test_duplicates_are_noted_and_near_misses_are_not():
    demos = Demonstrations(np.array([[1.0, 1], [2, 2], [1, 1], [2, 2], [1, 1]]), np.zeros(5, int), np.array([2, 2, 1]))
    assert duplicate_fraction(demos) == pytest.approx(1 / 3)
    assert "33.3% of the demonstrations repeat an earlier one" in check_against(demos, WHEEL).notes[0]
    other_actions = Demonstrations(demos.observations, np.array([0, 0, 0, 1, 0]), demos.lengths)
    assert duplicate_fraction(other_actions) == 0.0


def test_a_single_demonstration_is_noted():
    one = Demonstrations(np.zeros((1, 2)), np.zeros(1, int), np.array([1]))
    assert "a single demonstration" in check_against(one, WHEEL).notes[0]


def test_nothing_here_imports_jax():
    modules = ["data.demonstrations", "data.demonstration_file", "data.checks", "runs.folder", "runs.checkpoint_file", "runs.summary"]
    script = "import sys\n" + "".join(f"import triality.{name}\n" for name in modules) + "print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "False"
    control = subprocess.run(
        [sys.executable, "-c", "import sys, triality.data.trajectories\nprint('jax' in sys.modules)"], capture_output=True, text=True
    )
    assert control.stdout.strip() == "True"

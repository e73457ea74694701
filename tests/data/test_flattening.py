"""Parts of an observation: chosen by name, laid side by side, pictures refused. And episodes that do not fit each other."""

import numpy as np
import pytest

from triality.data.episodes import MOST_TOLD, Episode, join_episodes, last_flag
from triality.data.flattening import choose_names, flatten, is_picture, sorted_names
from triality.errors import DataError

NAMES = ["robot/qvel", "robot/qpos", "object/qpos", "goal"]


def test_the_order_is_by_name_or_as_asked_for():
    assert choose_names("f", NAMES) == ["goal", "object/qpos", "robot/qpos", "robot/qvel"]
    assert choose_names("f", NAMES, ("robot", "goal")) == ["robot/qpos", "robot/qvel", "goal"]
    assert choose_names("f", NAMES, ("qvel",)) == ["robot/qvel"]
    assert sorted_names(["11", "2", "a"]) == ["2", "11", "a"]


@pytest.mark.parametrize(
    ("keys", "fragment"),
    [
        (("qpos",), "got object/qpos, robot/qpos; give the whole name"),
        (("robot/qves",), "did you mean 'robot/qvel'?"),
        (("goal", "goal"), "got goal more than once"),
        (("robot", "qvel"), "got robot/qvel more than once"),
        ((), "expected at least one, got none"),
    ],
)
def test_keys_that_mean_nothing_or_two_things(keys, fragment):
    with pytest.raises(DataError, match="f: keys") as caught:
        choose_names("f", NAMES, keys)
    assert fragment in str(caught.value)


def test_numbers_side_by_side():
    parts = {"matrix": np.arange(12.0).reshape(2, 2, 3), "count": np.array([7, 8]), "flag": np.array([True, False])}
    matrix, problems = flatten(parts)
    assert not problems
    assert matrix.tolist() == [[0, 1, 2, 3, 4, 5, 7, 1], [6, 7, 8, 9, 10, 11, 8, 0]]
    turned, _ = flatten(dict(reversed(parts.items())))
    assert turned.tolist() != matrix.tolist()


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.zeros((3, 64, 64, 3), np.uint8), "a: expected numbers of a state, got pictures"),
        (np.zeros((3, 3, 40, 40), np.float32), "a: expected numbers of a state, got pictures"),
        (np.array([[255, 216, 255, 0]] * 3, np.uint8), "a: expected numbers of a state, got pictures"),
        (np.array(["x", "y", "z"]), "a: expected numbers, got <U1"),
        (np.array([{}, {}, {}]), "a: expected numbers, got object"),
        (np.zeros((3, 0)), "a: expected a row a step, got shape (3, 0)"),
        (np.full((3, 1), 2**60), "a: expected numbers that float64 holds exactly"),
        (np.zeros((2, 1)), "got 2 in a, 3 in b"),
    ],
)
def test_what_is_no_state(array, fragment):
    _, problems = flatten({"a": array, "b": np.zeros((3, 1))})
    assert len(problems) == 1
    assert fragment in problems[0]


def test_small_grids_and_long_vectors_are_no_pictures():
    assert not is_picture(np.zeros((5, 31, 31)))
    assert not is_picture(np.zeros((5, 4096), np.uint8))


def episode(number, length=2, **changes):
    base = Episode(f"episode {number}", np.zeros((length + 1, 2)), np.zeros((length, 1)), np.ones(length))
    return base._replace(**changes)


def test_episodes_in_a_row():
    demos = join_episodes("f", [episode(0), episode(1, 3, terminated=None)], {"a": 1})
    assert demos.lengths.tolist() == [2, 3]
    assert demos.meta == {"a": 1}
    without = join_episodes("f", [episode(0), episode(1, observations=np.zeros((2, 2)))], {})
    assert without.next_observations is None


@pytest.mark.parametrize(
    ("other", "fragment"),
    [
        (episode(1, rewards=None), "rewards: expected it in every episode or in none, got it in episode 0 and not in episode 1"),
        (episode(1, terminated=last_flag(2, True)), "terminated: expected it in every episode or in none, got it in episode 1"),
        (episode(1, observations=np.zeros((3, 3))), "episode 1: observations: expected rows of shape (2,)"),
        (episode(1, actions=np.zeros(2, int)), "episode 1: actions: expected rows of shape (1,) and type float64"),
        (episode(1, log_prob=np.zeros(1)), "episode 1: log_prob: expected 2 values (one an action), got 1"),
        (episode(1, observations=np.zeros((5, 2))), "episode 1: expected 2 observations (one an action) or 3 (one more), got 5"),
        (episode(1, 0), "episode 1: expected at least one step, got none"),
        (
            episode(1, rewards=np.array([0, np.nan])),
            "episode 1: rewards: expected finite numbers, got 1 that are not, the first at index 1: nan",
        ),
        (episode(1, actions=np.array([[1.0], [1e39]])), "episode 1: actions: expected finite numbers"),
    ],
)
def test_episodes_that_do_not_fit(other, fragment):
    with pytest.raises(DataError) as caught:
        join_episodes("f", [episode(0), other], {})
    assert fragment in str(caught.value)


def test_a_thousand_problems_make_a_short_message():
    with pytest.raises(DataError, match="and 980 more problems") as caught:
        join_episodes("f", [episode(number, rewards=np.full(2, np.nan)) for number in range(1000)], {})
    assert str(caught.value).count("\n") == MOST_TOLD + 1
    with pytest.raises(DataError, match="expected at least one episode"):
        join_episodes("f", [], {})

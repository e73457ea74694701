"""Steps as text: the convention, and what is refused because it could mean two things."""

import numpy as np
import pytest

from triality.data.demonstrations_csv import read_csv
from triality.errors import DataError

GOOD = "episode,step,obs_0,obs_1,action_0,reward,terminated\na,0,1,2,0.5,1,False\na,1,3,4,1.0,2,True\nb,0,5,6,-1,3,0\n"


def read(tmp_path, text, keys=None):
    path = tmp_path / "steps.csv"
    path.write_text(text)
    return read_csv(path, keys)


def test_the_convention(tmp_path):
    demos = read(tmp_path, GOOD)
    assert demos.observations.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert demos.actions.tolist() == [[0.5], [1.0], [-1.0]]
    assert demos.lengths.tolist() == [2, 1]
    assert demos.rewards is not None
    assert demos.rewards.tolist() == [1, 2, 3]
    assert demos.terminated is not None
    assert demos.terminated.tolist() == [False, True, False]
    assert demos.truncated is None


@pytest.mark.parametrize("delimiter", [";", "\t", ", "])
def test_other_delimiters_give_the_same(delimiter, tmp_path):
    demos = read(tmp_path, "\ufeff" + GOOD.replace(",", delimiter))
    np.testing.assert_array_equal(demos.observations, read(tmp_path, GOOD).observations)


def test_ten_columns_stand_in_the_order_of_their_numbers(tmp_path):
    """obs_10 comes after obs_9, which the order of letters would not have."""
    names = [f"obs_{index}" for index in range(12)]
    shuffled = [names[index] for index in (11, 3, 0, 10, 2, 1, 9, 5, 4, 8, 7, 6)]
    row = ",".join(name.removeprefix("obs_") for name in shuffled)
    demos = read(tmp_path, f"episode,action,{','.join(shuffled)}\n0,1,{row}\n")
    assert demos.observations.tolist() == [list(range(12))]
    assert sorted(names) != names


def test_a_whole_number_is_discrete_only_where_it_is_called_action(tmp_path):
    assert read(tmp_path, "episode,obs_0,action\n0,1,1\n").is_discrete
    assert not read(tmp_path, "episode,obs_0,action_0\n0,1,1\n").is_discrete


def test_other_names_by_keys(tmp_path):
    text = "episode,time,speed,angle,action\n0,0.1,1,2,0\n0,0.2,3,4,1\n"
    assert read(tmp_path, text, keys=("angle", "speed")).observations.tolist() == [[2, 1], [4, 3]]
    with pytest.raises(DataError, match=r"(?s)obs_0: expected this column.*angle: expected a column of the convention"):
        read(tmp_path, text)


BAD = {
    "no episodes": (GOOD.replace("episode", "run"), "'episode' among them"),
    "both kinds of action": (GOOD.replace("reward", "action"), "got both action and action_0"),
    "no action": (GOOD.replace("action_0", "step2"), "action (discrete) or action_0 (continuous): expected this column"),
    "a gap in the numbers": (GOOD.replace("obs_1", "obs_2"), "obs_1: expected this column, since there are 2"),
    "a name misspelled": (GOOD.replace("reward", "rewards"), "rewards: expected a column of the convention"),
    "a name twice": (GOOD.replace("obs_1", "obs_0"), "'obs_0' more than once"),
    "text in a cell": (GOOD.replace("3,4", "3,four"), "obs_1: expected a number, got 'four' in line 3"),
    "an empty cell": (GOOD.replace("3,4", "3,"), "obs_1: expected a number, got '' in line 3"),
    "NaN": (GOOD.replace("3,4", "nan,4"), "obs_0: expected a finite number, got 'nan' in line 3"),
    "a code that reads as a number": (GOOD.replace("5,6", "1_0,6"), "got '1_0' in line 4"),
    "a line cut off": (GOOD[:-6], "expected 7 cells in line 4, got 5"),
    "an episode in two places": (GOOD + "a,0,1,1,0,0,0\n", "the rows of an episode to stand together, got those of 'a' apart"),
    "steps out of order": (GOOD.replace("a,1,", "a,2,"), "step: expected 0, 1, 2, ... in every episode, got 2 in line 3"),
    "half an action": ("episode,obs_0,action\n0,1,1\n0,1,0.5\n", "got 0.5 in line 3; call it action_0 if it is continuous"),
    "a flag of two": (GOOD.replace("-1,3,0", "-1,3,2"), "terminated: expected 0 and 1, or True and False, got 2 in line 4"),
    "an end inside": (
        GOOD.replace("1,False", "1,True"),
        "terminated: expected it only at the last step of a trajectory, got it at index 0",
    ),
    "no rows": (GOOD.splitlines()[0], "expected rows below the names"),
    "a quote that does not end": (GOOD + '"b,1,2,3\n', "expected quotes in pairs"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case, tmp_path):
    text, fragment = BAD[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert fragment in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "steps.csv"))


def test_problems_come_together(tmp_path):
    with pytest.raises(DataError, match=r"3 problems"):
        read(tmp_path, GOOD.replace("3,4", "x,y").replace("b,0", "b,1"))


def test_keys_that_are_no_columns(tmp_path):
    with pytest.raises(DataError, match=r"keys: expected columns of this table, each once, got speed"):
        read(tmp_path, GOOD, keys=("obs_0", "speed"))

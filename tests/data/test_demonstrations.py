"""The in-memory record: what it refuses, what it converts, and its helpers."""

import numpy as np
import pytest

from triality.data.demonstrations import Demonstrations
from triality.errors import DataError


def make(lengths=(3, 1, 2), discrete=False, steps=None, **changes):
    """Small demonstrations in which every number differs, so that a mixed-up row shows."""
    steps = sum(lengths) if steps is None else steps
    rng = np.random.default_rng(0)
    fields = {
        "observations": rng.normal(size=(steps, 2)).astype(np.float32),
        "actions": rng.integers(0, 3, steps) if discrete else rng.uniform(-1, 1, (steps, 1)).astype(np.float32),
        "lengths": np.array(lengths),
        "rewards": np.arange(steps, dtype=np.float32),
        "next_observations": rng.normal(size=(steps, 2)).astype(np.float32),
        "log_prob": rng.normal(size=steps).astype(np.float32),
        "weights": np.arange(1.0, len(lengths) + 1),
    }
    return Demonstrations.from_arrays({name: array for name, array in (fields | changes).items() if array is not None}, {"source": "test"})


def test_counts_and_returns():
    demos = make()
    assert (demos.num_trajectories, demos.num_steps, demos.is_discrete) == (3, 6, False)
    np.testing.assert_array_equal(demos.returns(), [0 + 1 + 2, 3, 4 + 5])
    assert make(discrete=True).is_discrete


def test_returns_need_rewards():
    with pytest.raises(DataError, match="with rewards"):
        make(rewards=None).returns()


def test_log_weights_are_zero_without_weights_and_minus_infinity_at_weight_zero():
    np.testing.assert_array_equal(make(weights=None).log_weights, np.zeros(3))
    np.testing.assert_array_equal(make(weights=np.array([0.0, 1.0, 2.0])).log_weights, [-np.inf, 0.0, np.log(2.0)])


def test_split_and_take_keep_rows_together():
    demos = make()
    parts = demos.split()
    for name, array in demos.columns().items():
        np.testing.assert_array_equal(np.concatenate([part.columns()[name] for part in parts]), array)
    swapped = demos.take([2, 0])
    np.testing.assert_array_equal(swapped.rewards, [4, 5, 0, 1, 2])
    np.testing.assert_array_equal(swapped.observations, demos.observations[[4, 5, 0, 1, 2]])
    np.testing.assert_array_equal(swapped.weights, [3.0, 1.0])
    assert swapped.meta == demos.meta


def test_selection_is_a_seeded_permutation_and_nested():
    demos = make(lengths=tuple(range(1, 21)))
    chosen = demos.select(5, seed=3)
    np.testing.assert_array_equal(chosen.lengths, demos.select(5, seed=3).lengths)
    np.testing.assert_array_equal(chosen.lengths, demos.select(20, seed=3).lengths[:5])
    assert sorted(demos.select(20, seed=3).lengths) == list(range(1, 21))
    firsts = {int(demos.select(1, seed=seed).lengths[0]) for seed in range(40)}
    assert len(firsts) > 10  # not always the file's own order
    for num in (0, 21, -1):
        with pytest.raises(DataError, match=r"expected 1 to 20 .*, got " + str(num)):
            demos.select(num, seed=0)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.float16, np.float32),
        (">f4", np.float32),
        (np.float64, np.float64),
        (np.int16, np.float32),
        (np.uint8, np.float32),
        (bool, np.float32),
    ],
)
def test_safe_widening_of_observations(stored, expected):
    values = np.array([[0, 1], [1, 1]]).astype(stored)
    got = Demonstrations.from_arrays({"observations": values, "actions": [0, 0], "lengths": [2]}).observations
    assert got.dtype == expected
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, [[0, 1], [1, 1]])


def test_integers_beyond_float32_become_float64():
    got = Demonstrations.from_arrays({"observations": [[2**24 + 1]], "actions": [0], "lengths": [1]}).observations
    assert got.dtype == np.float64
    assert got[0, 0] == 2**24 + 1


STEPS = 6
BAD = {
    "observations of one axis": ({"observations": np.zeros(STEPS)}, ["observations: expected shape (steps, coordinates), got (6,)"]),
    "transposed": ({"observations": np.zeros((2, STEPS))}, ["observations: expected 6 rows", "got 2"]),
    "no coordinates": ({"observations": np.zeros((STEPS, 0))}, ["observations: expected shape"]),
    "T+1 observations": ({"observations": np.zeros((STEPS + 3, 2))}, ["got 9; leave out the last observation of each trajectory"]),
    "complex": ({"observations": np.zeros((STEPS, 2), complex)}, ["observations: expected floats, got complex128"]),
    "text": ({"observations": np.full((STEPS, 2), "a")}, ["observations: expected floats, got <U1"]),
    "objects": ({"observations": np.full((STEPS, 2), None)}, ["observations: expected floats, got object"]),
    "integers that floats cannot hold": (
        {"observations": np.full((STEPS, 2), 2**60)},
        ["observations: expected numbers that float64 holds"],
    ),
    "ragged": ({"actions": np.zeros((STEPS - 1, 1))}, ["actions: expected 6 rows (the sum of lengths), got 5"]),
    "discrete as floats": ({"actions": np.zeros(STEPS)}, ["actions: expected integers of shape (steps,)", "got float64 of shape (6,)"]),
    "continuous as integers": (
        {"actions": np.zeros((STEPS, 1), int)},
        ["actions: expected integers of shape (steps,)", "int64 of shape (6, 1)"],
    ),
    "three axes of actions": ({"actions": np.zeros((STEPS, 1, 1))}, ["actions: expected"]),
    "huge unsigned action": (
        {"actions": np.full(STEPS, 2**64 - 1, np.uint64)},
        ["actions: expected indices of actions, got 18446744073709551615"],
    ),
    "lengths as floats": ({"lengths": np.array([3.0, 1.0, 2.0])}, ["lengths: expected one integer a trajectory, got float64"]),
    "lengths of two axes": ({"lengths": np.array([[3, 1, 2]])}, ["lengths: expected one integer", "(1, 3)"]),
    "lengths as booleans": ({"lengths": np.ones(3, bool)}, ["lengths: expected one integer a trajectory, got bool"]),
    "zero-length trajectory": (
        {"lengths": np.array([4, 0, 2])},
        ["lengths: expected at least one step in every trajectory, got 0 in trajectory 1"],
    ),
    "negative length": ({"lengths": np.array([4, 4, -2])}, ["got -2 in trajectory 2"]),
    "lengths of another sum": ({"lengths": np.array([3, 1, 3])}, ["lengths: expected the lengths to add up to the 6 steps", "got 7"]),
    "lengths that overflow": ({"lengths": np.array([2**62, 2**62, 2**62])}, ["got 13835058055282163712"]),
    "NaN": (
        {"rewards": np.array([0, 1, np.nan, 3, np.nan, np.inf])},
        ["rewards: expected finite numbers, got 2 NaN and 1 infinite", "index 2;"],
    ),
    "NaN in a matrix": (
        {"actions": np.array([[0.0], [0], [0], [0], [np.nan], [0]])},
        ["actions: expected finite numbers, got 1 NaN", "(4, 0)"],
    ),
    "beyond float32": (
        {"observations": np.full((STEPS, 2), 1e300)},
        ["observations: expected finite numbers, got 12 beyond float32", "(0, 0)"],
    ),
    "impossible log_prob": ({"log_prob": np.full(STEPS, -np.inf)}, ["log_prob: expected finite numbers, got 6 infinite"]),
    "log_prob a coordinate": (
        {"log_prob": np.zeros((STEPS, 1))},
        ["log_prob: expected one number a row, got shape (6, 1); flatten or sum"],
    ),
    "termination inside": ({"terminated": np.arange(STEPS) == 1}, ["terminated: expected it only at the last step", "index 1;"]),
    "flags that are none": ({"truncated": np.arange(STEPS)}, ["truncated: expected one boolean a step, got int64"]),
    "next observations of another size": (
        {"next_observations": np.zeros((STEPS, 3))},
        ["next_observations: expected the shape (6, 2)", "(6, 3)"],
    ),
    "negative weight": ({"weights": np.array([1.0, -1.0, 1.0])}, ["weights: expected none below zero"]),
    "no weight": ({"weights": np.zeros(3)}, ["weights: expected none below zero and one above, got 0 to 0"]),
    "weights a step": ({"weights": np.ones(STEPS)}, ["weights: expected one a trajectory (3), got 6"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused_with_a_remedy(case):
    changes, fragments = BAD[case]
    with pytest.raises(DataError) as caught:
        make(steps=STEPS, **changes)
    message = str(caught.value)
    for fragment in ("expected", ", got ", "; ", *fragments):
        assert fragment in message


@pytest.mark.parametrize("empty", [(0, 0), (0, 1)])
def test_empty_data(empty):
    with pytest.raises(DataError, match="got none; record some"):
        Demonstrations(np.zeros((0, 2)), np.zeros((0, 1)), np.zeros(empty[1], int))


def test_all_problems_are_reported_together():
    with pytest.raises(DataError) as caught:
        make(lengths=(3, 1, 2), observations=np.full((STEPS, 2), np.nan), truncated=np.full(STEPS, 7), weights=np.array([1.0, np.inf, 1.0]))
    message = str(caught.value)
    assert "3 problems" in message
    assert all(f"- {name}: expected" in message for name in ("observations", "truncated", "weights"))


def test_names():
    with pytest.raises(DataError) as caught:
        Demonstrations.from_arrays({"observation": np.zeros((1, 1)), "actions": [0], "lengths": [1]})
    assert "rename it to observations" in str(caught.value)
    assert "observations: expected this array, got none" in str(caught.value)


def test_the_record_checks_itself():
    with pytest.raises(DataError, match="got 1 NaN, the first at index 2"):
        Demonstrations(np.zeros((3, 1)), np.zeros(3, int), np.array([3]), rewards=np.array([0.0, 0.0, np.nan]))

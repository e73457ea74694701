"""Parts are the file's own or fixed by a seed, large enough, and rows that leak from one to the other are told from those of chance."""

import numpy as np
import pytest

from triality.data.table import Table
from triality.data.table_split import Split, shared_rows, size_problems, split_notes, split_table, unseen_levels

RNG = np.random.default_rng(2)


def table(parts, shape=(2,)):
    return Table(parts, (), shape)


def test_a_split_loses_no_row_and_depends_on_the_seed_alone():
    rows = np.arange(200.0).reshape(100, 2)
    splits = [split_table(table({"all": rows}), seed) for seed in (5, 5, 6)]
    assert [len(part) for part in splits[0]] == [80, 10, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(splits[0]), axis=0), rows)
    np.testing.assert_array_equal(splits[0].train, splits[1].train)
    assert not np.array_equal(splits[0].train, splits[2].train)


def test_a_missing_validation_part_comes_out_of_training_never_out_of_test():
    rows = np.arange(200.0).reshape(100, 2)
    split = split_table(table({"train": rows[:60], "test": rows[60:]}), 0)
    assert [len(part) for part in split] == [54, 6, 40]
    np.testing.assert_array_equal(split.test, rows[60:])
    np.testing.assert_array_equal(np.sort(np.concatenate(split[:2]), axis=0), rows[:60])


SMALL = {
    "19 rows": ({"all": 19}, "at least 20 rows, got 19"),
    "training": ({"train": 19, "test": 500}, "at least 20 rows in train and 2 in the others, got 19 in train; split"),
    "both others": ({"train": 20, "valid": 1, "test": 1}, "got 1 in valid, 1 in test"),
}


@pytest.mark.parametrize("name", SMALL)
def test_parts_that_are_too_small(name):
    sizes, message = SMALL[name]
    (problem,) = size_problems(table({part: np.zeros((size, 2)) for part, size in sizes.items()}))
    assert message in problem


def test_parts_that_are_large_enough():
    assert size_problems(table({"all": np.zeros((20, 2))})) == []
    assert size_problems(table({"train": np.zeros((20, 2)), "test": np.zeros((2, 2))})) == []
    assert min(len(part) for part in split_table(table({"all": np.zeros((20, 2))}), 0)) == 2


def test_rows_that_leak_are_told_from_rows_that_repeat_anyway():
    few = RNG.integers(0, 2, (3000, 6)).astype(float)  # 64 states: every test row stands in training
    honest = Split(few[:2000], few[2000:2500], few[2500:])
    assert shared_rows(honest, by_chance=False) == 500
    assert shared_rows(honest, by_chance=True) == 0
    many = RNG.integers(0, 2, (3000, 40)).astype(float)
    assert shared_rows(Split(many[:2000], many[2000:2500], many[2500:]), by_chance=True) == 0
    leaking = Split(many[:2000], many[2000:2500], np.concatenate([many[1990:2000], many[2500:]]))
    assert shared_rows(leaking, by_chance=True) == 10
    some = RNG.integers(0, 2, (3000, 11)).astype(float)  # about 2,000 states: two in three repeat
    assert shared_rows(Split(some[:2000], some[2000:2500], some[2500:]), by_chance=True) == 0
    assert shared_rows(Split(some[:2000], some[2000:2500], some[:500]), by_chance=True) == 500


def test_false_alarms_of_leaking_are_rare():
    alarms = 0
    for _ in range(200):
        rows = RNG.integers(0, 2, (600, 9)).astype(float)
        alarms += shared_rows(Split(rows[:400], rows[400:450], rows[450:]), by_chance=True) > 0
    assert alarms <= 2


def test_minus_zero_is_zero():
    assert shared_rows(Split(np.zeros((3, 2)), np.zeros((2, 2)), -np.zeros((2, 2))), by_chance=False) == 2


def test_levels_that_training_never_saw():
    train, other = np.array([[0.0, 1.0]] * 5), np.array([[0.0, 4.0], [2.0, 0.0]])
    split = Split(train, other, other)
    assert unseen_levels(table({"all": train}), split) == ["column 0 (2 in 2 rows)", "column 1 (0, 4 in 4 rows)"]
    assert unseen_levels(table({"all": train}, (1, 2)), split) == ["the images (2, 4 in 4 pixels)"]
    assert unseen_levels(table({"all": train}), Split(train, train, train)) == []


def test_notes_are_given_where_they_matter_and_nowhere_else():
    rows = RNG.normal(size=(300, 2))
    fine = Split(rows[:200], rows[200:250], rows[250:])
    assert split_notes(table({"all": rows}), fine, by_chance=False) == []
    assert split_notes(table({"all": rows}), fine._replace(train=rows[:19]), by_chance=False)[0].startswith(
        "19 training rows for 2 columns"
    )
    (note,) = split_notes(table({"all": rows}), fine._replace(test=rows[190:210]), by_chance=False)
    assert note == "10 of 20 test rows are training rows as well: the test likelihood flatters the model"

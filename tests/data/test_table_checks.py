"""What no density can be learned from is refused before anything starts, with every problem named; the rest is split and told."""

import numpy as np
import pytest

from triality.data.table import Table
from triality.data.table_checks import check_table, refuse_impossible
from triality.errors import DataError

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(200, 3))
BITS = RNG.integers(0, 2, (200, 4)).astype(float)


def table(rows, names=(), parts=None):
    rows = np.asarray(rows, float)
    return Table({"all": rows} if parts is None else parts, names, (rows.shape[1],))


def with_column(rows, column, values):
    rows = rows.copy()
    rows[:, column] = values
    return rows


def test_rows_are_split_once_and_alike_for_a_seed():
    checked = check_table(table(NORMAL), "continuous", seed=3)
    assert [len(part) for part in checked[:3]] == [160, 20, 20]
    together = np.concatenate(checked[:3])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(NORMAL, axis=0))
    np.testing.assert_array_equal(check_table(table(NORMAL), "continuous", seed=3).test, checked.test)
    assert not np.array_equal(check_table(table(NORMAL), "continuous", seed=4).test, checked.test)


def test_the_files_own_parts_are_kept():
    parts = {"train": BITS[:100], "valid": BITS[100:150], "test": BITS[150:]}
    checked = check_table(table(BITS, parts=parts), "binary")
    np.testing.assert_array_equal(checked.test, BITS[150:])
    without = check_table(table(BITS, parts={"train": BITS[:150], "test": BITS[150:]}), "binary")
    assert [len(part) for part in without[:3]] == [135, 15, 50]


REFUSED = {
    "NaN": (with_column(NORMAL, 1, np.nan), "continuous", "column 1 \\(200 missing or NaN, the first in row 0\\)"),
    "constant": (with_column(NORMAL, 2, 4.0), "continuous", "constant ones: column 2"),
    "copy": (with_column(NORMAL, 2, 3.0 - 2.0 * NORMAL[:, 0]), "continuous", "column 0 and column 2"),
    "few values": (with_column(NORMAL, 0, np.arange(200) % 7), "continuous", "few different values in column 0.*--dequantize"),
    "pile at zero": (with_column(NORMAL, 0, np.maximum(NORMAL[:, 0], 0)), "continuous", "got both in column 0 \\(0 in [45]. % of the rows"),
    "not binary": (
        with_column(BITS, 1, np.arange(200) % 3),
        "binary",
        "got 66 other values, the first 2 in row 2 of column 1",
    ),
    "not integer": (with_column(BITS, 1, 0.5), "integer", "whole numbers from 0 to 255, got 200 other values"),
    "few rows": (NORMAL[:10], "continuous", "at least 20 rows, got 10"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_density_is_refused(name):
    rows, kind, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        check_table(table(rows), kind)


def test_problems_are_listed_together_and_by_name():
    rows = with_column(with_column(NORMAL, 2, 4.0), 0, np.arange(200) % 7)
    with pytest.raises(DataError, match="2 problems") as caught:
        check_table(table(rows, ("age", "height", "group")), "continuous")
    assert "'age'" in str(caught.value)
    assert "'group'" in str(caught.value)


def test_categories_that_training_never_saw_are_refused():
    train, test = RNG.integers(0, 3, (100, 2)).astype(float), np.full((5, 2), 4.0)
    parts = {"train": train, "valid": train[:5], "test": test}
    with pytest.raises(DataError, match=r"new ones in column 0 \(4 in 5 rows\), column 1 \(4 in 5 rows\)"):
        check_table(table(train, parts=parts), "integer")
    parts["test"] = train[:5]
    assert check_table(table(train, parts=parts), "integer").test.shape == (5, 2)


def test_dequantization_adds_noise_of_one_step_and_says_so():
    rows = with_column(NORMAL, 0, 10.0 * (np.arange(200) % 7))
    checked = check_table(table(rows), "continuous", dequantize=True)
    column = np.concatenate(checked[:3])[:, 0]
    assert len(np.unique(column)) == 200
    assert 0 <= column.min() < 10
    assert 60 <= column.max() < 70
    np.testing.assert_array_equal(np.sort(10.0 * np.floor(column / 10)), np.sort(rows[:, 0]))
    assert any("noise was added to column 0, as wide" in note for note in checked.notes)
    np.testing.assert_array_equal(np.sort(np.concatenate(checked[:3])[:, 1]), np.sort(rows[:, 1]))  # the others stay as they are
    with pytest.raises(DataError, match="leave it out"):
        check_table(table(BITS), "binary", dequantize=True)


def test_notes_on_shared_rows_and_on_few_rows():
    parts = {"train": NORMAL[:50], "valid": NORMAL[50:60], "test": NORMAL[40:60]}
    assert any("10 of 20 test rows are training rows" in note for note in check_table(table(NORMAL, parts=parts), "continuous").notes)
    wide = RNG.normal(size=(60, 20))
    assert any("overfit" in note for note in check_table(table(wide), "continuous").notes)
    assert check_table(table(NORMAL), "continuous").notes == ()


def test_rows_that_a_generator_cannot_make_are_counted_and_named():
    refuse_impossible(np.array([0.0, -1e30]), "test data")
    with pytest.raises(DataError, match=r"test data: .* density zero \(log q = -inf\) for 2 of 4 rows \(the first: 1, 2\); use"):
        refuse_impossible(np.array([0.0, -np.inf, -np.inf, 0.0]), "test data")
    with pytest.raises(DataError, match=r"-inf\) for 1 of 3 rows \(the first: 0\) and no number .* for 2 of 3 rows \(the first: 1, 2\)"):
        refuse_impossible(np.array([-np.inf, np.nan, np.inf]), "test data")


def test_cells_that_are_no_numbers_are_counted_by_what_they_are_and_found_in_their_part():
    rows = NORMAL.copy()
    rows[[3, 150, 199], [0, 1, 1]] = np.nan, np.inf, 1e39
    with pytest.raises(DataError) as caught:
        check_table(table(rows, ("age", "height", "weight"), {"train": rows[:120], "test": rows[120:]}))
    assert "'age' (1 missing or NaN, the first in row 3 of train), " in str(caught.value)
    assert "'height' (1 infinite and 1 beyond float32, the first in row 30 of test); repair" in str(caught.value)


def test_the_kind_is_taken_from_the_values():
    integers = RNG.integers(0, 4, (200, 2)).astype(float)
    assert check_table(table(BITS)).train.max() == 1
    assert set(np.unique(check_table(table(integers)).train)) == {0, 1, 2, 3}
    noisy = check_table(table(integers), dequantize=True).train
    assert len(np.unique(noisy)) == noisy.size


def test_pixels_have_one_set_of_levels_and_one_step():
    """A level that one pixel has not in training is no surprise, and a pixel that is always black gets the noise of the others."""
    rows = 16.0 * RNG.integers(0, 4, (100, 6))
    rows[:, 0] = 0.0
    rows[:, 1] = rows[:, 2]
    parts = {"train": rows[:60], "valid": rows[60:80], "test": rows[80:].copy()}
    parts["test"][5, 0] = 48.0
    images, flat = Table(parts, (), (2, 3)), Table(parts, (), (6,))
    assert check_table(images).notes == ("pixels that never change in training: pixel (0, 0)",)
    with pytest.raises(DataError, match=r"new ones in column 0 \(48 in 1 rows\)"):
        check_table(flat)
    checked = check_table(images, dequantize=True)
    assert 15 < checked.train[:, 0].max() < 16
    assert any("all pixels (width 16)" in note for note in checked.notes)
    with pytest.raises(DataError, match="got column 1 and column 2: their joint density has no bound"):
        check_table(flat, dequantize=True)
    parts["test"][5, 0] = 17.0
    with pytest.raises(DataError, match=r"the images \(17 in 1 pixels\)"):
        check_table(Table(parts, (), (2, 3)))


def test_bits_that_training_never_saw_and_copies_are_told():
    rows = BITS.copy()
    rows[:, 1] = 1.0 - rows[:, 0]
    rows[:, 2] = 0.0
    parts = {"train": rows[:100], "valid": rows[100:150], "test": rows[150:].copy()}
    parts["test"][:3, 2] = 1.0
    notes = check_table(table(rows, ("a", "b", "c", "d"), parts)).notes
    assert any("never change in training: 'c'" in note for note in notes)
    assert any("'c' (1 in 3 rows): their likelihood is a guess" in note for note in notes)
    assert any("copies of each other: 'a' and 'b'" in note for note in notes)
    assert check_table(table(BITS)).notes == ()

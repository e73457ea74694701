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
    "NaN": (with_column(NORMAL, 1, np.nan), "continuous", "missing, NaN or infinite cells in column 1 \\(200, the first in row 0\\)"),
    "constant": (with_column(NORMAL, 2, 4.0), "continuous", "constant ones: column 2"),
    "copy": (with_column(NORMAL, 2, 3.0 - 2.0 * NORMAL[:, 0]), "continuous", "column 0 and column 2"),
    "few values": (with_column(NORMAL, 0, np.arange(200) % 7), "continuous", "few different values in column 0.*--dequantize"),
    "pile at zero": (with_column(NORMAL, 0, np.maximum(NORMAL[:, 0], 0)), "continuous", "few different values in column 0"),
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
    with pytest.raises(DataError, match=r"new ones in column 0 \(4\), column 1 \(4\)"):
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
    refuse_impossible(np.zeros(3), "test data")
    with pytest.raises(DataError, match=r"test data: .* density zero for 2 of 4 \(rows 1, 3\)"):
        refuse_impossible(np.array([0.0, -np.inf, 0.0, np.nan]), "test data")

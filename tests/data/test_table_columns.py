"""What repeats is told apart from what was rounded, a grid from a pile beside numbers; the trap itself is shown."""

import numpy as np
import pytest

from triality.data.table import Table
from triality.data.table_checks import check_table
from triality.data.table_columns import column_problems, copies, repeats, table_repeats
from triality.errors import DataError

RNG = np.random.default_rng(1)
NORMAL = RNG.normal(size=400)

COLUMNS = {  # values, step (0: hardly repeats), mixed
    "numbers": (NORMAL, 0.0, False),
    "rounded to three digits": (np.round(NORMAL, 3), 0.0, False),
    "rounded, with few rows": (np.round(NORMAL[:25], 2), 0.0, False),
    "rounded to one digit": (np.round(NORMAL, 1), 0.1, False),
    "counts": (RNG.poisson(3.0, 400).astype(float), 1.0, False),
    "counts with a long tail": (np.floor(np.exp(6 * np.abs(NORMAL))) * (NORMAL > 0), 1.0, False),
    "a far offset": (1e9 + np.round(NORMAL, 1), 0.1, False),
    "uneven categories": (np.array([0.0, 0.3, 1.0, 7.7])[RNG.integers(0, 4, 400)], 0.3, False),
    "sums with rounding errors": (np.where(NORMAL > 0, 0.3, 0.1 + 0.2) + (NORMAL > 1), 1.0, False),
    "tiny": (1e-30 * RNG.integers(0, 3, 400), 1e-30, False),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_smallest_step_of_what_repeats(name):
    values, step, is_mixed = COLUMNS[name]
    found = repeats(values)
    assert found.step == pytest.approx(step, rel=1e-5)
    assert found.is_mixed == is_mixed


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_pile_beside_numbers_has_no_step_and_is_refused_even_with_noise(share):
    """Rain, incomes, censored times: the smallest gap is an accident of the sample, and noise that wide leaves the peak where it is."""
    values = np.where(RNG.random(400) < share, 2.5, NORMAL)
    found = repeats(values)
    assert found.is_mixed
    assert (found.pile, found.share) == (2.5, pytest.approx(share, abs=0.1))
    table = Table({"all": np.stack([values, NORMAL], axis=1)}, ("rain", "wind"), (2,))
    for dequantize in (False, True):
        with pytest.raises(DataError, match=r"got both in 'rain' \(2\.5 in .. % of the rows.*leave the column out"):
            check_table(table, "continuous", dequantize)


def test_the_trap_that_is_refused():
    """A mixture with a peak on the pile: its likelihood grows by the pile's share a nat of width, on test rows as well; noise ends it."""
    raw = np.stack([RNG.poisson(1.0, 2000).astype(float), RNG.normal(size=2000)], axis=1)
    noisy = check_table(Table({"all": raw}, (), (2,)), dequantize=True).test[:, 0]
    test = check_table(Table({"all": raw}, (), (2,)), dequantize=True).test[:, 0] // 1.0

    def likelihood(values, width):
        broad, peak = -0.5 * (values / 3) ** 2 - np.log(3), -0.5 * (values / width) ** 2 - np.log(width)
        return np.logaddexp(np.log(0.5) + broad, np.log(0.5) + peak).mean()

    share = np.mean(test == 0)
    assert likelihood(test, 1e-30) - likelihood(test, 1e-20) == pytest.approx(share * np.log(1e10))
    assert likelihood(noisy, 1e-30) == pytest.approx(likelihood(noisy, 1e-20), abs=1e-9)


def test_noise_gives_a_lower_bound_of_the_likelihood_of_the_values():
    """E log q(x + step u) <= log P(x) - log step, with equality for a density that is flat on every cell."""
    raw = 0.5 * RNG.poisson(2.0, 4000)[:, None]
    noisy = check_table(Table({"all": raw}, (), (1,)), dequantize=True)
    train, test = (np.floor(part[:, 0] / 0.5).astype(int) for part in (noisy.train, noisy.test))
    log_p = np.log(np.bincount(train, minlength=40) + 1.0) - np.log(len(train) + 40)

    def flat(values):  # the density that is flat on every cell
        return log_p[np.floor(values / 0.5).astype(int)] - np.log(0.5)

    def sloped(values):  # the same mass in each cell, more of it to the left
        return flat(values) + np.log(1.5 - (values / 0.5) % 1.0)

    exact = log_p[test].mean()
    assert flat(noisy.test[:, 0]).mean() + np.log(0.5) == pytest.approx(exact, abs=1e-12)
    assert sloped(noisy.test[:, 0]).mean() + np.log(0.5) < exact


def test_copies_are_found_in_any_unit_and_near_ones_are_not():
    rows = RNG.normal(size=(300, 5))
    assert copies(rows) == []
    rows[:, 3] = 32.0 - 1.8 * rows[:, 1]
    rows[:, 4] = 1e-25 * rows[:, 0]
    assert copies(rows) == [(0, 4), (1, 3)]
    rows[:, 3] += 1e-4 * RNG.normal(size=300)
    assert copies(rows) == [(0, 4)]
    rows[:, 4] = 5.0
    assert copies(rows) == []


def test_copies_in_a_wide_table():
    rows = RNG.normal(size=(50, 700))
    rows[:, 650] = rows[:, 3]
    rows[:, 651] = -rows[:, 600]
    assert copies(rows) == [(3, 650), (600, 651)]


def test_columns_that_are_constant_where_it_counts():
    rows = RNG.normal(size=(100, 3))
    rows[:, 0] = 1e9 + 1e-6 * (np.arange(100) % 2)  # below the rounding of float64
    rows[:80, 1] = 0.1
    rows[:, 2] *= 1e-30  # small, not constant
    table = Table({"train": rows[:80], "test": rows[80:]}, ("a", "b", "c"), (3,))
    problems = column_problems(table, table.parts["train"], table_repeats(table), dequantize=False)
    assert len(problems) == 1
    assert "got constant ones: 'a', 'b'; leave them out" in problems[0]


def test_long_lists_are_cut():
    table = Table({"all": np.tile(np.arange(100.0)[:, None] % 2, (1, 12)) * np.arange(1, 13)}, (), (12,))
    problems = column_problems(table, table.rows, table_repeats(table), dequantize=False)
    assert any("column 7 and 4 more" in text for text in problems)
    assert any("and 58 more pairs" in text for text in problems)

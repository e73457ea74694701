"""One definition, scipy's and with it rliable's, everywhere: on numbers where the other one says something else."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from triality.cli.evaluation import interquartile_mean_of
from triality.interquartile_mean import interquartile_mean
from triality.judging.scores import iqm


def quarters_by_share(values):
    """The other definition, the broken twin: each value counts by the share of it that lies between the quartiles."""
    edges = np.arange(len(values) + 1) / len(values)
    share = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return np.sort(values) @ share / share.sum()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 11])
def test_it_is_the_trimmed_mean_and_not_quarters_by_share(size):
    values = np.random.default_rng(size).exponential(size=(3, size))
    found = interquartile_mean(values)
    np.testing.assert_allclose(found, trim_mean(values, 0.25, axis=-1), rtol=1e-12)
    other = np.array([quarters_by_share(row) for row in values])
    assert np.allclose(found, other) == (size in (1, 2, 4, 8))  # of one or two values there is only the mean


@pytest.mark.parametrize(("values", "expected"), [([0.0, 0.9, 1.2], 0.7), ([0.0, 0.9, 1.0, 1.4, 9.0], 1.1)])
def test_three_and_five_seeds_by_hand(values, expected):
    assert interquartile_mean_of(values) == pytest.approx(expected, abs=1e-12)
    assert iqm(np.array(values)[:, None]) == pytest.approx(expected, abs=1e-12)
    assert quarters_by_share(values) != pytest.approx(expected, abs=0.01)


def test_a_seed_that_failed_is_not_left_out_as_if_it_were_the_best():
    values = np.array([[0.0, 0.9, 1.0, 1.1, np.nan], [0.0, 0.9, 1.0, 1.1, np.inf]])
    found = interquartile_mean(values)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1.0)
    assert interquartile_mean_of([0.0, 0.9, 1.0, 1.1, None]) is None

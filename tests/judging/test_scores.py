"""Statistics over runs, against scipy and by hand."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from triality.errors import DataError
from triality.judging.scores import iqm, normalized, optimality_gap, performance_profile, probability_of_improvement, stratified_interval

SCORES = np.random.default_rng(0).gamma(2.0, size=(8, 3))


def test_the_interquartile_mean_is_scipys_trimmed_one():
    assert iqm(SCORES) == pytest.approx(stats.trim_mean(SCORES.ravel(), 0.25), abs=1e-12)


def test_probability_of_improvement_is_mann_and_whitneys():
    first, second = np.round(SCORES, 1), np.round(np.random.default_rng(1).gamma(2.5, size=(5, 3)), 1)
    shares = [stats.mannwhitneyu(first[:, task], second[:, task]).statistic / (8 * 5) for task in range(3)]
    assert probability_of_improvement(first, second) == pytest.approx(np.mean(shares), abs=1e-12)
    assert probability_of_improvement(second, first) == pytest.approx(1.0 - np.mean(shares), abs=1e-12)


def test_the_interval_of_one_task_is_scipys():
    column = SCORES[:, :1]
    value, low, high = stratified_interval(column, num_draws=4000)
    settings: dict[str, Any] = {"n_resamples": 4000, "method": "percentile", "rng": np.random.default_rng(1)}
    theirs = stats.bootstrap((column[:, 0],), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), **settings)
    assert value == pytest.approx(stats.trim_mean(column[:, 0], 0.25))
    # Percentiles of 4000 draws of a spread s are good to about s / 30.
    assert [low, high] == pytest.approx(list(theirs.confidence_interval), abs=4.0 * float(theirs.standard_error) / 30.0)


def test_tasks_keep_their_weight_in_every_draw():
    """Two tasks without any spread: stratified, the interval is a point; pooled, it could not be."""
    scores = np.tile([0.0, 1.0], (4, 1))
    assert stratified_interval(scores, lambda table: float(table.mean()), 200) == (0.5, 0.5, 0.5)
    draw = np.random.default_rng(0)
    pooled = [draw.choice(scores.ravel(), 8).mean() for _ in range(200)]
    assert np.ptp(np.percentile(pooled, [2.5, 97.5])) > 0.2


def test_by_hand():
    scores = np.array([[0.0, 2.0], [0.5, 1.0]])
    assert optimality_gap(scores) == pytest.approx((1.0 + 0.0 + 0.5 + 0.0) / 4)
    assert performance_profile(scores, np.array([0.0, 0.75])).tolist() == [0.75, 0.5]
    assert normalized(np.array([[5.0]]), np.array([10.0]), np.array([0.0])).tolist() == [[0.5]]


def test_bad_tables_are_refused():
    with pytest.raises(DataError, match="at least 3 runs"):
        stratified_interval(SCORES[:2])
    with pytest.raises(DataError, match="finite scores"):
        iqm(np.array([[np.nan, 1.0]]))
    with pytest.raises(DataError, match="same tasks"):
        probability_of_improvement(SCORES, SCORES[:, :2])
    with pytest.raises(DataError, match="in task 1"):
        normalized(SCORES, np.zeros(3), np.array([1.0, 0.0, 1.0]))

"""Classifier two-sample test: its level under equal laws, its power, and what a linear classifier cannot see."""

import builtins
import math

import jax
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError, DataError
from triality.metrics.two_sample import against_guessing, classifier_test, logistic_regression, nearest_neighbors

CENTERS = np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
REPEATS, LEVEL = 120, 0.1


def clouds(weights, seed, n=300):
    rng = np.random.default_rng(seed)
    return CENTERS[rng.choice(3, n, p=weights)] + rng.normal(size=(n, 2))


FAIR = [0.5, 0.3, 0.2]


def most_rejections(n, level):
    """What a test of this level exceeds once in a million."""
    return stats.binom.isf(1e-6, n, level)


@pytest.mark.parametrize("classifier", [None, nearest_neighbors(1), logistic_regression()], ids=["root", "one neighbor", "logistic"])
def test_it_keeps_its_level_whatever_the_classifier(classifier):
    results = [classifier_test(jax.random.key(s), clouds(FAIR, s, 100), clouds(FAIR, 1000 + s, 140), classifier) for s in range(REPEATS)]
    assert sum(r.p_value < LEVEL for r in results) <= most_rejections(REPEATS, LEVEL)
    z = np.array([r.z for r in results])
    assert abs(z.mean()) < 5 / math.sqrt(REPEATS)
    assert results[0].num_held_out == 100


def test_testing_where_one_trained_rejects_equal_laws():
    """The broken twin: a single neighbor of a training sample is that sample."""
    x, label = np.concatenate([clouds(FAIR, 0), clouds(FAIR, 1)]), np.repeat([1, 0], 300)
    classifier = nearest_neighbors(1)
    classifier.fit(x, label)
    result = against_guessing(classifier.predict(x) == label)
    assert result.accuracy == 1.0
    assert result.p_value < 1e-100
    assert classifier_test(jax.random.key(0), x[:300], x[300:], nearest_neighbors(1)).p_value > 1e-3


def test_it_sees_a_shift_and_a_dropped_mode():
    """The best accuracy against a dropped mode of weight 0.2 is (1 + 0.2)/2: it takes thousands of samples to be sure."""
    data = clouds(FAIR, 0, 2000)
    shifted = classifier_test(jax.random.key(0), data, clouds(FAIR, 1, 2000) + np.array([1.0, 0.0]))
    dropped = classifier_test(jax.random.key(1), data, clouds([0.625, 0.375, 0.0], 2, 2000))
    assert shifted.p_value < 1e-4
    assert dropped.p_value < 1e-4
    assert 0.5 < dropped.accuracy < 0.6 + 4 * 0.5 / math.sqrt(2000)


def test_logistic_regression_is_blind_to_what_is_symmetric():
    """A blur keeps the mean: neighbors see it, a hyperplane does not; it does see a shift."""
    rng = np.random.default_rng(0)
    data, blurred = rng.normal(size=(800, 2)), 2.5 * rng.normal(size=(800, 2))
    assert classifier_test(jax.random.key(0), data, blurred).p_value < 1e-6
    assert classifier_test(jax.random.key(0), data, blurred, logistic_regression()).p_value > 1e-3
    assert classifier_test(jax.random.key(0), data, data[::-1] + 1.0, logistic_regression()).p_value < 1e-6


def test_the_best_accuracy_is_that_of_total_variation():
    """(1 + TV)/2 = Phi(1/2) for normals one apart, less what the neighbors lose."""
    rng = np.random.default_rng(0)
    result = classifier_test(jax.random.key(0), rng.normal(size=(4000, 1)), 1.0 + rng.normal(size=(4000, 1)))
    best = stats.norm.cdf(0.5)
    assert best - 0.04 < result.accuracy < best + 4 * 0.5 / math.sqrt(result.num_held_out)


def test_the_p_value_is_that_of_guessing():
    result = against_guessing(np.arange(400) < 222)
    np.testing.assert_allclose(result.p_value, stats.norm.sf(2.2), rtol=1e-10)
    assert abs(result.p_value - stats.binom.sf(221, 400, 0.5)) < 0.005


def test_integer_samples_with_ties():
    """Bits: most distances are equal."""
    rng = np.random.default_rng(0)
    p = [
        classifier_test(jax.random.key(s), rng.integers(0, 2, (60, 3)), rng.integers(0, 2, (60, 3)), nearest_neighbors(1)).p_value
        for s in range(60)
    ]
    assert np.sum(np.array(p) < LEVEL) <= most_rejections(60, LEVEL)


def test_bad_samples_are_refused():
    key, x = jax.random.key(0), np.zeros((30, 2))
    with pytest.raises(DataError, match="got 1 NaN or infinite values"):
        classifier_test(key, np.where(np.arange(60).reshape(30, 2) == 3, np.nan, x), x)
    with pytest.raises(ConfigError, match="got 2 and 3 coordinates"):
        classifier_test(key, x, np.zeros((30, 3)))
    with pytest.raises(ConfigError, match="at least 20 samples"):
        classifier_test(key, x, x[:19])
    with pytest.raises(ConfigError, match="at least one neighbor"):
        nearest_neighbors(0)


@pytest.mark.parametrize("make", [lambda: nearest_neighbors(1), logistic_regression], ids=["neighbors", "logistic"])
def test_without_scikit_learn_the_remedy_is_named(monkeypatch, make):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"triality\[sklearn\]"):
        make()

"""Classifier two-sample test: can anything tell data from draws? The held-out accuracy of a classifier, against that of guessing.

    accuracy = share of n held-out samples put on the right side,     z = (accuracy - 1/2)/sqrt(1/(4 n)),     p = P(N(0, 1) >= z)

Under equal laws the accuracy is N(1/2, 1/(4 n)) for large n, whatever the classifier; as many samples are held out on either side, so that
always naming one side scores 1/2 exactly. It sees what its classifier sees: nearest neighbors any difference, given samples enough for the
dimension; logistic regression a shift of the mean, and nothing that is symmetric around it.

Reference: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, arXiv:1610.06545 (section 3; sqrt(n) neighbors in section 4).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Bool, Key, Num

from triality.errors import ConfigError, DataError

Points = Num[Array, "_ _"] | Num[np.ndarray, "_ _"]
LEAST_SAMPLES = 20  # on a side: ten held out, where the normal approximation of 20 guesses is within 0.01


@runtime_checkable
class Classifier(Protocol):
    """What scikit-learn's classifiers offer."""

    def fit(self, X: Any, y: Any) -> Any:
        """Learn from samples (rows) and labels, 1 = data."""
        ...

    def predict(self, X: Any) -> Any:
        """Labels of samples."""
        ...


class ClassifierTest(NamedTuple):
    """How well the sides are told apart.

    Fields:
        accuracy: share of held-out samples on the right side: 1/2 = not told apart; below it only by chance.
        z: its distance from 1/2 in standard errors of guessing.
        p_value: one-sided; small = the laws differ. A large one says only that this classifier, on so many samples, found nothing.
        num_held_out: samples that the accuracy is an average of.
    """

    accuracy: float
    z: float
    p_value: float
    num_held_out: int


def classifier_test(key: Key[Array, ""], data: Points, drawn: Points, classifier: Classifier | None = None) -> ClassifierTest:
    """Trains on one half of either side, and tests on the other; the larger side is thinned to the smaller by chance.

    Distances are Euclidean: put columns on one scale first. Runs on the host.

    Args:
        key: of the split.
        data: one sample a row.
        drawn: of the generator, independent of what it was trained on.
        classifier: untrained; the sqrt(n) nearest neighbors of n training samples if None, made odd.

    Raises:
        ConfigError: scikit-learn is not installed, the dimensions differ, or a side has fewer than 20 samples.
        DataError: a sample is NaN or infinite.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(2, 400, 1))
        >>> same, shifted = (classifier_test(jax.random.key(0), x[0], x[1] + shift) for shift in (0.0, 2.0))
        >>> same.p_value > 0.01, shifted.p_value < 1e-6, same.num_held_out
        (True, True, 400)
    """
    data, drawn = _finite(data), _finite(drawn)
    if data.shape[1] != drawn.shape[1]:
        raise ConfigError(
            f"expected samples of one dimension, got {data.shape[1]} and {drawn.shape[1]} coordinates; compare like with like"
        )
    count = min(len(data), len(drawn))
    if count < LEAST_SAMPLES:
        raise ConfigError(f"expected at least {LEAST_SAMPLES} samples on either side, got {len(data)} and {len(drawn)}; draw more")
    half = count // 2
    classifier = nearest_neighbors(_odd_root(2 * (count - half))) if classifier is None else classifier
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    sides = [points[rng.permutation(len(points))[:count]] for points in (data, drawn)]
    # Mixed, because neighbors at equal distances are taken in the order of the rows.
    order = rng.permutation(2 * (count - half))
    labels = np.repeat([1, 0], count - half)
    classifier.fit(np.concatenate([points[half:] for points in sides])[order], labels[order])
    predicted = np.asarray(classifier.predict(np.concatenate([points[:half] for points in sides])))
    return against_guessing(predicted == np.repeat([1, 0], half))


def against_guessing(correct: Bool[np.ndarray, " n"]) -> ClassifierTest:
    """The test, from which held-out samples were put on the right side. Samples that trained the classifier make it reject always.

    Example:
        >>> result = against_guessing(np.arange(100) < 60)
        >>> result.accuracy, round(result.z, 6), round(result.p_value, 5)  # standard error 0.05
        (0.6, 2.0, 0.02275)
    """
    accuracy, n = float(np.mean(correct)), len(correct)
    z = (accuracy - 0.5) * 2.0 * math.sqrt(n)
    return ClassifierTest(accuracy, z, 0.5 * math.erfc(z / math.sqrt(2.0)), n)


def nearest_neighbors(num_neighbors: int) -> Classifier:
    """A vote of the nearest training samples: odd numbers have no ties.

    Raises:
        ConfigError: scikit-learn is not installed, or no neighbor is asked for.
    """
    if num_neighbors < 1:
        raise ConfigError(f"expected at least one neighbor, got {num_neighbors}; ask for an odd number near the root of the sample size")
    try:
        from sklearn.neighbors import KNeighborsClassifier
    except ImportError as error:
        raise ConfigError(_REMEDY) from error
    return KNeighborsClassifier(num_neighbors)


def logistic_regression() -> Classifier:
    """A hyperplane: powerful against shifts in many dimensions, blind to every difference that is symmetric around the mean.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ConfigError(_REMEDY) from error
    return LogisticRegression()


_REMEDY = 'expected the package scikit-learn, got none installed; do pip install "triality[sklearn]"'


def _odd_root(count: int) -> int:
    return math.isqrt(count) // 2 * 2 + 1


def _finite(samples: Points) -> np.ndarray:
    values = np.asarray(samples, np.float64)
    others = int((~np.isfinite(values)).sum())
    if others:
        raise DataError(f"expected finite samples, got {others} NaN or infinite values in {len(values)} samples; leave those out")
    return values

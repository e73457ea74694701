"""Test data against samples, on standardized columns: two-sample tests and distances, on so many rows that they cost seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Array, Key

from triality.cli.density_names import is_installed
from triality.metrics.coverage import coverage
from triality.metrics.mmd import mmd_test
from triality.metrics.two_sample import LEAST_SAMPLES, classifier_test
from triality.metrics.wasserstein import wasserstein_2

if TYPE_CHECKING:
    from triality.cli.density_learning import Split

NUM_COMPARED = 1000
"""Rows on either side: the cost of the distances grows with the square, and that of Wasserstein's faster."""


def sample_metrics(key: Key[Array, ""], split: Split, x: Array, prefix: str) -> dict[str, float]:
    """A classifier for samples of any kind; distances for numbers alone, since between categories there are none.

    Args:
        key: of the rows that are compared, and of the tests.
        split: whose test data are one side.
        x: samples, the other side.
        prefix: of the names.
    """
    keys = jax.random.split(key, 4)
    count = min(NUM_COMPARED, len(split.test), len(x))
    data, x = (jax.random.permutation(each, side)[:count].reshape(count, -1) for each, side in zip(keys, (split.test, x), strict=False))
    found = _classified(keys[2], data, x)
    if split.space.kind == "continuous":
        found |= _distances(keys[3], data, x)
    return {f"{prefix}{name}": value for name, value in found.items()}


def _classified(key: Key[Array, ""], data: Array, x: Array) -> dict[str, float]:
    """Nothing without scikit-learn (the plan has said so), nor for a handful of rows."""
    if len(data) < LEAST_SAMPLES or not is_installed("sklearn"):
        return {}
    test = classifier_test(key, data, x)
    return {"classifier_accuracy": test.accuracy, "classifier_p_value": test.p_value}


def _distances(key: Key[Array, ""], data: Array, x: Array) -> dict[str, float]:
    test = jax.jit(mmd_test)(key, data, x)
    shares = jax.jit(coverage)(data, x)
    return {
        "mmd_squared": float(test.mmd_squared),
        "mmd_p_value": float(test.p_value),
        **({"wasserstein_2": wasserstein_2(np.asarray(data), np.asarray(x))} if is_installed("ot") else {}),
        **{name: float(value) for name, value in shares._asdict().items()},
    }

"""Wasserstein-2: against assignment by scipy, closed forms, and the line against the plane."""

import builtins

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from triality.errors import ConfigError, DataError
from triality.metrics.wasserstein import wasserstein_2, wasserstein_2_on_a_line

GENERATOR = np.random.default_rng(0)


def test_against_the_best_assignment():
    x, y = GENERATOR.normal(size=(60, 3)), GENERATOR.normal(size=(60, 3)) + 0.5
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    rows, columns = linear_sum_assignment(cost)
    np.testing.assert_allclose(wasserstein_2(x, y), np.sqrt(cost[rows, columns].mean()), rtol=1e-9)
    assert np.sqrt(cost.diagonal().mean()) > 1.1 * wasserstein_2(x, y)  # the control: pairs as they come


def test_on_a_line_equals_transport_for_unequal_sizes():
    import ot

    x, y = GENERATOR.normal(size=12), 2 * GENERATOR.normal(size=18)
    expected = np.sqrt(ot.emd2([], [], (x[:, None] - y[None]) ** 2))
    np.testing.assert_allclose(wasserstein_2_on_a_line(x, y), expected, rtol=1e-9)
    np.testing.assert_allclose(wasserstein_2(x[:, None], y[:, None]), expected, rtol=1e-9)


def test_two_normals_on_a_line():
    """W2^2 = (m - m')^2 + (s - s')^2."""
    x, y = GENERATOR.normal(1.0, 2.0, 100_000), GENERATOR.normal(-1.0, 1.0, 100_000)
    np.testing.assert_allclose(wasserstein_2_on_a_line(x, y), np.sqrt(5.0), atol=0.03)


def test_a_shift_is_its_length():
    x = GENERATOR.normal(size=(50, 2))
    np.testing.assert_allclose(wasserstein_2(x, x + np.array([3.0, 4.0])), 5.0, rtol=1e-9)
    assert wasserstein_2(x, x[::-1]) < 1e-6


def test_bad_samples_are_refused():
    with pytest.raises(DataError, match="with 1 NaN or infinite"):
        wasserstein_2(np.array([[np.nan, 0.0]]), np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="got 2 and 3 coordinates"):
        wasserstein_2(np.zeros((4, 2)), np.zeros((4, 3)))


def test_without_pot_the_remedy_is_named(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "ot":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"triality\[ot\]"):
        wasserstein_2(np.zeros((2, 2)), np.zeros((2, 2)))

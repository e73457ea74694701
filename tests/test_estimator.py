"""The scikit-learn interface: what it learns, what it refuses, what comes back from a file, and scikit-learn's own checks."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import triality
from triality.errors import StorageError
from triality.estimator import DensityEstimator
from triality.samplers.gaussian import fit_gaussian

NUM_ROWS = 2000


def curved(num_rows: int, seed: int) -> np.ndarray:
    """A bent ridge that one Gaussian cannot hold: x1 = x0^2/2 + noise, on scales far apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=num_rows)
    y = 0.5 * x**2 + 0.3 * rng.normal(size=num_rows)
    return np.stack([100.0 + 5.0 * x, 0.01 * y], axis=1)


def curved_log_density(X: np.ndarray) -> np.ndarray:
    x, y = (X[:, 0] - 100.0) / 5.0, X[:, 1] / 0.01
    return stats.norm.logpdf(x) + stats.norm.logpdf(y - 0.5 * x**2, scale=0.3) - np.log(5.0 * 0.01)


def one_gaussian(key, x):
    del key
    return fit_gaussian(x)


@pytest.fixture(scope="module")
def fitted() -> DensityEstimator:
    """From one Gaussian, so that the energy has something to do."""
    return DensityEstimator(generator=one_gaussian, generator_steps=0, energy_steps=1500, random_state=0).fit(curved(NUM_ROWS, 0))


def test_the_energy_finds_what_its_generator_cannot_hold(fitted):
    held_out = curved(4000, 1)
    truth = float(np.mean(curved_log_density(held_out)))
    generator = DensityEstimator(generator=one_gaussian, generator_steps=0, energy_steps=0, random_state=0).fit(curved(NUM_ROWS, 0))
    assert fitted.score(held_out) > truth - 0.18
    assert generator.score(held_out) < truth - 0.4


def test_it_is_normalized_in_the_units_of_the_table(fitted):
    """By a sum over a fine grid; and log Z's error bar is one."""
    x, y = np.linspace(70, 130, 601), np.linspace(-0.04, 0.16, 601)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    total = np.exp(fitted.score_samples(grid)).sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert abs(np.log(total)) < 4 * fitted.log_z_stderr_ + 0.02
    assert 0 < fitted.log_z_stderr_ < 0.1


def test_draws_follow_it(fitted):
    x = fitted.sample(4000, random_state=1)
    off = (x[:, 1] / 0.01 - 0.5 * ((x[:, 0] - 100.0) / 5.0) ** 2) / 0.3
    assert abs(off.mean()) < 0.15
    assert 0.85 < off.std() < 1.3
    raw = DensityEstimator(generator=one_gaussian, generator_steps=0, energy_steps=0, random_state=0).fit(curved(NUM_ROWS, 0)).sample(4000)
    assert ((raw[:, 1] / 0.01 - 0.5 * ((raw[:, 0] - 100.0) / 5.0) ** 2) / 0.3).std() > 2.0


def test_what_is_saved_comes_back(fitted, tmp_path):
    path = tmp_path / "density.ckpt"
    fitted.save(path)
    again = DensityEstimator(generator=one_gaussian, generator_steps=0, energy_steps=1500, random_state=0).load(path)
    rows = curved(50, 2)
    np.testing.assert_array_equal(again.score_samples(rows), fitted.score_samples(rows))
    np.testing.assert_array_equal(again.sample(5, random_state=3), fitted.sample(5, random_state=3))
    assert (again.log_z_, again.alarm_) == (fitted.log_z_, fitted.alarm_)
    with pytest.raises(StorageError, match="expected the tree of this run"):
        DensityEstimator().load(path)


REFUSED = {
    "nan": (np.array([[1.0, np.nan]] * 30), "NaN"),
    "constant": (np.stack([np.arange(30.0), np.ones(30)], axis=1), r"expected columns that vary, got constant ones: \[1\]"),
    "one row": (np.ones((1, 2)), "n_samples = 1|1 sample"),
    "one dimension": (np.arange(30.0), "1D array"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused(case):
    X, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        DensityEstimator().fit(X)


def test_it_is_reached_from_the_package():
    assert triality.DensityEstimator is DensityEstimator
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        triality.Nothing  # noqa: B018


@pytest.mark.slow
def test_scikit_learns_own_checks():
    """In a process of its own: they hand the constructor anything, which the shape checks of this session would refuse."""
    lines = (
        "from sklearn.utils.estimator_checks import check_estimator",
        "from triality import DensityEstimator",
        "check_estimator(DensityEstimator(generator_steps=20, energy_steps=20, batch_size=32, num_drawn=64, random_state=0))",
    )
    done = subprocess.run([sys.executable, "-c", "; ".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

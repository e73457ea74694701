import numpy as np
import pytest
from scipy.stats import spearmanr

from triality.runs.report.curves import Curves, band, bootstrap_interval
from triality.runs.report.palette import BAD, CAUTION, DATA, DRAWN, GOOD, INK, MUTED, OTHER, PAPER, SURFACE
from triality.runs.report.state_space import rank_correlation


def test_records_in_any_order_become_a_table_with_gaps():
    records = [
        {"seed": 1, "iteration": 10, "kl": 4.0},
        {"seed": 0, "iteration": 5, "kl": 1.0, "is_finite": True},
        {"seed": 0, "iteration": 10, "kl": 2.0},
        {"seed": 0, "iteration": 10, "kl": 3.0},
        {"seed": "0", "iteration": 10, "kl": 9.0},
    ]
    curves = Curves.from_records(records)
    assert curves.seeds == (0, 1)
    assert curves.iterations.tolist() == [5, 10]
    np.testing.assert_array_equal(curves.values["kl"], [[1.0, 3.0], [np.nan, 4.0]])
    assert curves.last("kl").tolist() == [3.0, 4.0]
    assert not curves.has("is_finite")
    assert np.isnan(curves.last("absent")).all()


@pytest.mark.filterwarnings("error")
def test_a_band_ignores_what_is_missing():
    found = band(np.array([[1.0, np.nan, np.inf], [3.0, np.nan, 5.0], [8.0, np.nan, np.nan]]))
    np.testing.assert_array_equal(found.median, [3.0, np.nan, 5.0])
    np.testing.assert_array_equal(found.low, [1.0, np.nan, 5.0])
    np.testing.assert_array_equal(found.high, [8.0, np.nan, 5.0])


def test_the_interval_covers_the_mean_of_many_seeds_and_needs_three():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.normal(1.0, 0.1, 20), num_draws=400)
        hits += low <= 1.0 <= high
    # Percentile intervals of 20 values cover a little less than they promise; three standard errors below 90 % would be a defect.
    assert 0.90 - 3 * np.sqrt(0.9 * 0.1 / 200) <= hits / 200 < 1.0
    assert bootstrap_interval(np.array([1.0, 2.0, np.nan])) is None


def test_the_rank_correlation_is_spearmans():
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 9, 50).astype(float), rng.normal(size=50)
    second += first
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert rank_correlation(first, -second) == pytest.approx(-spearmanr(first, second).statistic, abs=1e-12)
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("ground", [PAPER, SURFACE])
def test_text_and_lines_have_the_contrast_that_accessibility_asks(scheme, ground):
    for shades in (INK, MUTED, DATA, DRAWN, OTHER, GOOD, CAUTION, BAD):
        lighter, darker = sorted((luminance(shades[scheme]), luminance(ground[scheme])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, shades

"""A cost that grows as stated passes, one order more is found, and a floor hides neither."""

from pathlib import Path

import numpy as np
import pytest

SIZES = [100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0, 100_000.0]
FLOOR = 2e-4


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


def points(cost, noise=0.05):
    rng = np.random.default_rng(0)
    return [
        {"seconds": [(FLOOR + cost(size)) * (1 + noise * rng.uniform(-1, 1)) for _ in range(5)], "bytes": 1000 + 8 * size} for size in SIZES
    ]


GROWTH = {
    "linear": (lambda n: 1e-7 * n, 1.0, False, []),
    "n log n": (lambda n: 1e-8 * n * np.log(n), 1.0, True, []),
    "a square root": (lambda n: 1e-4 * n**0.5, 1.0, False, []),
    "quadratic": (lambda n: 1e-9 * n**2, 1.0, False, ["time"]),
    "quadratic, as stated": (lambda n: 1e-9 * n**2, 2.0, False, []),
    "n to the 3/2": (lambda n: 1e-8 * n**1.5, 1.0, False, ["time"]),
}


@pytest.mark.parametrize("name", GROWTH)
def test_verdicts(name):
    from growth_fit import judged

    cost, order, is_log_linear, above = GROWTH[name]
    assert judged(SIZES, points(cost), order, 1.0, is_log_linear)["above"] == above


def test_memory_is_judged_by_itself():
    from growth_fit import judged

    grown = [{**point, "bytes": 8 * size**2} for point, size in zip(points(lambda n: 1e-7 * n), SIZES, strict=True)]
    assert judged(SIZES, grown, 1.0, 1.0, False)["above"] == ["memory"]


def test_what_does_not_grow_has_no_slope_and_is_not_above():
    from growth_fit import judged

    found = judged(SIZES, points(lambda n: 0.0), 1.0, 1.0, False)
    assert found["time"]["value"] is None
    assert found["above"] == []


def test_the_page_says_what_is_above():
    from growth_fit import judged
    from growth_page import page

    def sweep(name):
        cost, order, is_log_linear, _ = GROWTH[name]
        found = judged(SIZES, points(cost), order, 1.0, is_log_linear)
        told = [{"size": size, **point} for size, point in zip(SIZES, points(cost), strict=True)]
        return {
            "variable": "samples",
            "order": order,
            "memory_order": 1.0,
            "why": "",
            "is_log_linear": is_log_linear,
            "points": told,
            **found,
        }

    assert "ABOVE" not in "\n".join(page({"sweeps": {"one": sweep("linear")}}))
    text = "\n".join(page({"sweeps": {"one": sweep("linear"), "two": sweep("quadratic")}}))
    assert "Above the stated order: two (time)" in text
    assert "**ABOVE: time**" in text

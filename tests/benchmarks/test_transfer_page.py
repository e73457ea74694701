"""The page of the comparison of transfer: shares and their interquartile mean by hand."""

from pathlib import Path

import pytest

from triality.data.reference_returns import RANDOM_RETURNS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ZERO = RANDOM_RETURNS["PointMazeShifted-v0"].mean


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def record_of(returns):
    row = {"own": [-5.0], "returns": returns, "demonstrations": -8.0}
    sizes = {"policy_iterations": 3, "num_demos": 4, "num_rollouts": 5}
    return {"truth": [ZERO + 40.0] * 4, "constant": [ZERO] * 4, "rows": {"airl-state-narrow": {"9": row}}} | sizes


def test_shares_of_the_true_rewards_return_and_the_mean_of_the_middle_half():
    """One seed of four that lost the reward moves no interquartile mean, and stands in the brackets; as a plain mean it would be .675."""
    from transfer_page import page

    rows = [line for line in page(record_of([ZERO + 36.0, ZERO + 36.0, ZERO + 36.0, ZERO - 4.0])) if line.startswith("|")]
    learned, constant, truth = rows[2:]
    assert f"| 9 | -8.0 | -5.0 | {ZERO + 36:.1f} | 0.900 (0.90, 0.90, 0.90, -0.10) | -8.82 |" in learned
    assert "0.000 (0.00, 0.00, 0.00, 0.00) | - |" in constant
    assert "1.000 (1.00, 1.00, 1.00, 1.00) | -8.45 |" in truth

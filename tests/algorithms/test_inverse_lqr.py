import numpy as np
import pytest
from scipy.linalg import solve_continuous_are, solve_discrete_are

from triality.algorithms.inverse_lqr import (
    InverseLqrConfig,
    gain_of_demonstrations,
    inverse_lqr,
    inverse_lqr_continuous,
)
from triality.errors import ConfigError, DataError

A = np.array([[0.9, 0.4, 0.0], [-0.2, 1.1, 0.3], [0.1, 0.0, 0.7]])
B = np.array([[0.0, 0.3], [1.0, 0.0], [0.2, 0.8]])
Q, R = np.diag([2.0, 0.5, 1.2]), np.diag([0.7, 1.9])
DIAGONAL = InverseLqrConfig(diagonal=True)


def discrete_gain(q, r, a=A, b=B):
    p = solve_discrete_are(a, b, q, r)
    return np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)


def continuous_gain(q, r):
    return np.linalg.solve(r, B.T @ solve_continuous_are(A, B, q, r))


def random_costs(seed):
    factors = np.random.default_rng(seed).normal(size=(2, 3, 3))
    return factors[0] @ factors[0].T + 0.1 * np.eye(3), factors[1, :2] @ factors[1, :2].T + 0.1 * np.eye(2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("inverse", "gain_of"), [(inverse_lqr, discrete_gain), (inverse_lqr_continuous, continuous_gain)])
def test_the_recovered_cost_has_the_gain(inverse, gain_of, seed):
    gain = gain_of(*random_costs(seed))
    found = inverse(A, B, gain)
    assert found.num_dimensions == 3  # 6 + 3 unknowns, 2 x 3 equations
    assert found.gain_error < 1e-8
    np.testing.assert_allclose(gain_of(found.state, found.action), gain, atol=1e-8)
    np.testing.assert_allclose(np.trace(found.state) + np.trace(found.action), 5.0, rtol=1e-12)
    assert np.linalg.eigvalsh(found.state)[0] >= -1e-8
    assert np.linalg.eigvalsh(found.action)[0] > 0
    # The twins: the one system's cost is not the other's.
    other = continuous_gain if gain_of is discrete_gain else discrete_gain
    assert np.max(np.abs(other(found.state, found.action) - gain)) > 1e-2


@pytest.mark.parametrize(("inverse", "gain_of"), [(inverse_lqr, discrete_gain), (inverse_lqr_continuous, continuous_gain)])
def test_diagonal_costs_come_back_up_to_scale(inverse, gain_of):
    found = inverse(A, B, gain_of(Q, R), DIAGONAL)
    scale = 5.0 / (np.trace(Q) + np.trace(R))
    assert found.num_dimensions == 1
    np.testing.assert_allclose(found.state, scale * Q, atol=1e-6)
    np.testing.assert_allclose(found.action, scale * R, atol=1e-6)


def test_shaping_leaves_the_gain_so_the_full_class_is_not_identified():
    """S with B'S A = 0: Q + eps (S - A'S A) only adds the potential x'S x, and the twin Q + eps S adds more."""
    outside = np.linalg.svd(B.T)[2][-1]
    potential = np.outer(outside, outside)
    np.testing.assert_allclose(B.T @ potential @ A, 0, atol=1e-14)
    shaped = Q + 0.2 * (potential - A.T @ potential @ A)
    assert np.linalg.eigvalsh(shaped)[0] > 0
    gain = discrete_gain(Q, R)
    np.testing.assert_allclose(discrete_gain(shaped, R), gain, atol=1e-12)
    assert np.max(np.abs(discrete_gain(Q + 0.2 * potential, R) - gain)) > 1e-3
    found = inverse_lqr(A, B, gain)
    assert found.num_dimensions > 1
    ratio = found.state[0, 0] / found.action[0, 0]
    assert abs(ratio - Q[0, 0] / R[0, 0]) > 0.1  # and a right gain is no proof of the right cost


def test_demonstrations_with_noise_give_a_cost_close_to_the_truth():
    generator = np.random.default_rng(7)
    observation = generator.normal(size=(20_000, 3))
    action = observation @ -discrete_gain(Q, R).T + 0.05 * generator.normal(size=(20_000, 2))
    gain = gain_of_demonstrations(observation, action)
    # Six entries, each with a standard error of 0.05 / sqrt(20000).
    assert np.max(np.abs(gain - discrete_gain(Q, R))) < 4.5 * 0.05 / np.sqrt(20_000)
    found = inverse_lqr(A, B, gain, DIAGONAL)
    assert found.num_dimensions == 0
    scale = 5.0 / (np.trace(Q) + np.trace(R))
    np.testing.assert_allclose(found.state, scale * Q, atol=0.05)
    np.testing.assert_allclose(discrete_gain(found.state, found.action), gain, atol=5e-3)


def test_a_cost_by_hand():
    """A = B = 1, Q = R = 1: P is the golden ratio, K = 1 / golden ratio."""
    found = inverse_lqr([[1.0]], [[1.0]], [[2.0 / (1.0 + np.sqrt(5.0))]])
    np.testing.assert_allclose([found.state[0, 0], found.action[0, 0]], [1.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(found([2.0], [3.0]), 13.0, rtol=1e-12)


def test_what_has_no_cost_is_refused():
    """In one dimension u = -K x with K < 0 that still stabilizes pushes the wrong way: Q would be negative."""
    with pytest.raises(DataError, match="not every stabilizing gain is optimal"):
        inverse_lqr([[0.5]], [[1.0]], [[-0.2]], InverseLqrConfig(max_num_projections=300))
    with pytest.raises(DataError, match="u = -K x"):
        inverse_lqr(A, B, -discrete_gain(Q, R))
    with pytest.raises(DataError, match="transpose"):
        inverse_lqr(A, B, discrete_gain(Q, R).T)
    with pytest.raises(DataError, match="span 2 dimensions, got 1"):
        gain_of_demonstrations([[1.0, 2.0], [2.0, 4.0]], [[1.0], [2.0]])
    with pytest.raises(ConfigError, match="tolerances > 0"):
        InverseLqrConfig(tolerance=0.0)

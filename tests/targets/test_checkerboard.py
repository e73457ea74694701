"""Checkerboard: its density by hand, its draws on the dark squares alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.targets.plane import NUM_DRAWS, drawn_by
from triality.errors import ConfigError
from triality.targets.checkerboard import checkerboard
from triality.targets.mixtures import tilted_weights


def test_density_by_hand():
    board = checkerboard(4, tilted_weights(8, 1.5))
    assert board.corners.shape == (8, 2)
    weights = np.asarray(tilted_weights(8, 1.5))
    for index, corner in enumerate(np.asarray(board.corners)):
        np.testing.assert_allclose(board.log_prob(jnp.asarray(corner + 1.0)), np.log(weights[index] / 4.0), rtol=1e-12)
    for light in ([-3.0, -1.0], [-1.0, -3.0], [3.0, 1.0], [-5.0, -3.0], [3.0, 4.0]):
        assert float(board.energy(jnp.array(light))) == np.inf
    np.testing.assert_allclose(np.sum(weights / 4.0 * board.side**2), 1.0, rtol=1e-12)
    assert float(board.log_z) == 0.0


def test_draws_fall_on_dark_squares_by_their_weights():
    board = checkerboard(4, tilted_weights(8, 1.5))
    x, with_draw, afterwards = drawn_by(board)
    np.testing.assert_allclose(with_draw, afterwards, atol=1e-12)
    square = np.argmin(np.abs(np.asarray(x)[:, None] - np.asarray(board.corners + 1.0)[None]).max(axis=-1), axis=1)
    expected = NUM_DRAWS * np.asarray(tilted_weights(8, 1.5))
    counts = np.bincount(square, minlength=8)
    assert np.max(np.abs(counts - expected) / np.sqrt(expected)) < 5
    assert np.max(np.abs(counts - NUM_DRAWS / 8) / np.sqrt(expected)) > 5  # the control: they are not equal
    inside = np.asarray(x) - np.asarray(board.corners)[square]
    np.testing.assert_allclose(inside.mean(axis=0), 1.0, atol=5 * 2 / np.sqrt(12 * NUM_DRAWS))
    np.testing.assert_allclose(inside.var(axis=0), 1 / 3, atol=0.01)


def test_draws_in_single_precision_stay_on_the_board():
    with jax.enable_x64(False):
        _, log_q, afterwards = drawn_by(checkerboard())
        assert bool(jnp.all(log_q == afterwards))


def test_wrong_boards_are_refused():
    with pytest.raises(ConfigError, match="at least one square"):
        checkerboard(0)
    with pytest.raises(ConfigError, match="expected 8 positive weights"):
        checkerboard(4, jnp.zeros(8))

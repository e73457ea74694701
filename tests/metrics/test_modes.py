"""Mode counts by hand, and what they say of generators that drop modes or blur them."""

import jax
import jax.numpy as jnp
import numpy as np

from triality.metrics.modes import mode_counts

MODES = jnp.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def test_by_hand():
    """Draws: two at the first mode, one at the second, one between, one just beyond three deviations."""
    x = jnp.array([[0.1, 0.0], [0.0, -1.4], [10.0, 0.5], [5.0, 5.0], [0.0, 8.4]])
    counts = mode_counts(x, MODES, 0.5)
    shares = np.array([2 / 3, 1 / 3])
    np.testing.assert_allclose(counts.captured, 2.0)
    np.testing.assert_allclose(counts.high_quality, 3 / 5)
    np.testing.assert_allclose(counts.kl_histogram, np.sum(shares * np.log(3 * shares)), rtol=1e-12)
    assert counts.kl_weights == np.inf


def test_weights_change_what_is_fair():
    x = jnp.repeat(MODES, jnp.array([2, 1, 1]), axis=0)
    fair = mode_counts(x, MODES, 0.5, jnp.array([0.5, 0.25, 0.25]))
    np.testing.assert_allclose([fair.kl_histogram, fair.kl_weights], 0.0, atol=1e-12)
    assert float(mode_counts(x, MODES, 0.5).kl_histogram) > 0.01


def test_a_generator_that_blurs_keeps_modes_and_loses_quality():
    noise = jax.random.normal(jax.random.key(0), (3000, 2))
    x = MODES[jnp.arange(3000) % 3] + noise
    sharp, blurred = mode_counts(x, MODES, 1.0), mode_counts(x, MODES, 0.25)
    assert float(sharp.high_quality) > 0.97
    assert float(blurred.high_quality) < 0.4
    assert float(blurred.captured) == 3.0


def test_nothing_of_quality():
    counts = mode_counts(jnp.full((4, 2), 100.0), MODES, 1.0)
    assert (float(counts.captured), float(counts.high_quality)) == (0.0, 0.0)
    assert jnp.isnan(counts.kl_histogram)

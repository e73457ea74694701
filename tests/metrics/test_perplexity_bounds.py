"""Bounds of log Z from n draws hold in expectation, enumerated; and what they make of a perplexity."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from triality.metrics.perplexity_bounds import LogZBounds, log_z_bounds, perplexity_bounds

LAW, RATIO = np.array([0.5, 0.3, 0.2]), np.log(np.array([0.4, 1.1, 2.0]))
LOG_Z = np.log(LAW @ np.exp(RATIO))


def expected_bounds(n):
    """Over all draws of n from three points."""
    index = np.array(list(itertools.product(range(3), repeat=n)))
    bounds = jax.vmap(log_z_bounds)(jnp.asarray(RATIO)[index])
    weight = np.prod(LAW[index], axis=1)
    return weight @ np.asarray(bounds.low), weight @ np.asarray(bounds.high)


def test_they_enclose_log_z_and_close_in():
    gaps = []
    for n in (4, 6, 8):
        low, high = expected_bounds(n)
        assert low < LOG_Z < high
        gaps.append(high - low)
    assert gaps[0] > gaps[1] > gaps[2]
    spread = LAW @ np.exp(2 * RATIO) / np.exp(2 * LOG_Z) - 1
    np.testing.assert_allclose(gaps[2], spread / 8, rtol=0.25)  # variance/(2n) on either side


def test_leaving_one_out_is_what_it_says():
    ratio = jax.random.normal(jax.random.key(0), (7,))
    without = [float(jax.nn.logsumexp(jnp.delete(ratio, i)) - jnp.log(6)) for i in range(7)]
    bounds = log_z_bounds(ratio)
    np.testing.assert_allclose(bounds.high, 13 * bounds.low - 12 * np.mean(without), rtol=1e-10)


def test_single_precision_keeps_them_in_order():
    for spread in (0.1, 0.5):
        ratio = spread * jax.random.normal(jax.random.key(1), (10_000,))
        exact, single = log_z_bounds(ratio), log_z_bounds(ratio.astype(jnp.float32))
        assert float(single.low) <= float(single.high) + 1e-6
        np.testing.assert_allclose(single, exact, atol=3e-5)


def test_one_draw_that_carries_everything_stays_finite():
    assert all(np.isfinite(each) for each in log_z_bounds(jnp.array([0.0, -2000.0, -2000.0])))


def test_perplexity_charges_log_z_to_every_sequence():
    low, high = perplexity_bounds(jnp.log(jnp.array([0.5, 0.25, 0.125])), 6.0, LogZBounds(jnp.array(0.0), jnp.array(1.0)))
    np.testing.assert_allclose([low, high], [2.0, np.exp((6 * np.log(2) + 3) / 6)], rtol=1e-12)

"""Targets: the constants they are named for, densities that integrate to one, unequal weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.metrics.modes import mode_counts
from triality.sampler import draw
from triality.targets.mixtures import eight_gaussians, forty_gaussians, grid_of_25, ring_of_eight, tilted_weights, two_modes

TARGETS = {
    "ring": (ring_of_eight(), 8, 0.01),
    "grid": (grid_of_25(), 25, 0.05),
    "eight": (eight_gaussians(), 8, np.sqrt(0.125)),
    "forty": (forty_gaussians(), 40, np.log1p(np.e)),
    "two": (two_modes(8.0, 2), 2, 1.0),
}


@pytest.mark.parametrize("name", TARGETS)
def test_modes_and_their_scale(name):
    target, num_modes, scale = TARGETS[name]
    assert target.modes.shape == (num_modes, 2)
    np.testing.assert_allclose(target.mode_scale, scale, rtol=1e-7)
    np.testing.assert_allclose(target.mode_weights, 1.0 / num_modes, rtol=1e-12)


def test_radii_and_distances():
    np.testing.assert_allclose(np.linalg.norm(ring_of_eight().modes, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(eight_gaussians().modes, axis=1), np.sqrt(8.0), rtol=1e-12)
    np.testing.assert_allclose(np.ptp(two_modes(7.0, 3).modes, axis=0), [7.0, 0.0, 0.0], rtol=1e-12)
    assert sorted(set(np.asarray(grid_of_25().modes).ravel().round(9))) == [-4.0, -2.0, 0.0, 2.0, 4.0]


@pytest.mark.parametrize("name", ["eight", "two"])
def test_it_integrates_to_one_and_its_energy_has_log_z_zero(name):
    target = TARGETS[name][0]
    axis = jnp.linspace(-9.0, 9.0, 361)
    x = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    log_total = jax.nn.logsumexp(-jax.jit(jax.vmap(target.energy))(x)) + 2.0 * jnp.log(axis[1] - axis[0])
    np.testing.assert_allclose(log_total, 0.0, atol=1e-6)


@pytest.mark.parametrize("name", TARGETS)
def test_its_own_draws_are_the_ceiling(name):
    """All modes, 1 - exp(-9/2) of high quality, no divergence but the counting's (K - 1)/(2n)."""
    target, num_modes, scale = TARGETS[name]
    x = jax.jit(lambda key: draw(target, key, 20_000))(jax.random.key(1)).x
    counts = mode_counts(x, target.modes, scale)
    share = 1.0 - np.exp(-4.5)
    assert float(counts.captured) == num_modes
    assert float(counts.high_quality) > share - 5 * np.sqrt(share * (1 - share) / 20_000)
    assert float(counts.kl_histogram) < 5 * num_modes / 20_000


def test_unequal_weights_are_drawn_and_evaluated():
    target = two_modes(8.0, 1, jnp.array([1.0, 3.0]))
    x = jax.jit(lambda key: draw(target, key, 20_000))(jax.random.key(2)).x
    assert abs(float(jnp.mean(x > 0)) - 0.75) < 5 * np.sqrt(0.1875 / 20_000)
    np.testing.assert_allclose(target.log_prob(jnp.array([4.0])) - target.log_prob(jnp.array([-4.0])), np.log(3.0), rtol=1e-9)


def test_wrong_weights_are_refused():
    with pytest.raises(ConfigError, match="expected 8 positive weights"):
        ring_of_eight(jnp.array([1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))


def test_the_box_holds_the_draws_and_hardly_more():
    for target, _, scale in TARGETS.values():
        low, high = target.box
        np.testing.assert_allclose(high - low, np.ptp(target.modes, axis=0) + 12 * scale, rtol=1e-6)
        x = jax.jit(lambda key, target=target: draw(target, key, 2000))(jax.random.key(3)).x
        assert bool(jnp.all((x > low) & (x < high)))
        assert float(target.log_z) == 0.0


def test_forty_centers_are_those_of_single_precision():
    """One target at every precision: its first center, and that all lie in the square."""
    modes = forty_gaussians().modes
    with jax.enable_x64(False):
        np.testing.assert_array_equal(forty_gaussians().modes, modes)
    assert float(jnp.max(jnp.abs(modes))) <= 40.0


def test_tilted_weights_break_the_symmetry():
    weights = tilted_weights(8, 1.5)
    np.testing.assert_allclose([weights.sum(), jnp.log(weights[0] / weights[-1])], [1.0, 1.5], rtol=1e-12)
    x = jnp.array([0.3, 1.1])
    np.testing.assert_allclose(ring_of_eight().energy(x), ring_of_eight().energy(-x), rtol=1e-12)
    assert abs(float(ring_of_eight(weights).energy(x) - ring_of_eight(weights).energy(-x))) > 0.1

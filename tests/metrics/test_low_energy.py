"""Spurious low energy: a planted well is found, located and weighed; the clean energy is not accused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree

from triality.errors import ConfigError
from triality.metrics.low_energy import box_around, spurious_low_energy
from triality.sampler import Samples, draw
from triality.samplers.gaussian import Gaussian
from triality.samplers.gaussian_mixture import GaussianMixture

WELL, WELL_WEIGHT = jnp.array([3.0, -3.0]), 0.2
TRUTH = GaussianMixture(jnp.log(jnp.array([0.7, 0.3])), jnp.array([[-2.0, 0.0], [2.0, 1.0]]), jnp.log(jnp.full((2, 2), 0.7)))
PLANTED = Gaussian(WELL, jnp.log(jnp.full(2, 0.3)))


def clean_energy(x):
    return -TRUTH.log_prob(x)


def spurious_energy(x):
    """The model p_theta = 0.8 p + 0.2 N(well), up to a constant of 3 nats."""
    return 3.0 - jnp.logaddexp(jnp.log1p(-WELL_WEIGHT) + TRUTH.log_prob(x), jnp.log(WELL_WEIGHT) + PLANTED.log_prob(x))


@jax.jit
def searched(seed, is_planted):
    key_data, key_box = jax.random.split(jax.random.key(seed))
    data = draw(TRUTH, key_data, 800).x
    low, width = jnp.array([-8.0, -8.0]), jnp.full(2, 16.0)
    proposed = Samples.unweighted(low + width * jax.random.uniform(key_box, (8_000, 2)), jnp.full(8_000, -2 * jnp.log(16.0)))
    energies = [jax.vmap(lambda x: jnp.where(is_planted, spurious_energy(x), clean_energy(x)))(x) for x in (data, proposed.x)]
    return spurious_low_energy(data, energies[0], proposed, energies[1]), data, proposed, energies


def test_a_planted_well_is_found_and_its_clean_twin_is_not_accused():
    planted, clean = searched(0, True)[0], searched(0, False)[0]
    assert float(jnp.linalg.norm(planted.lowest_at - WELL)) < 0.15
    assert planted.lowest < planted.energy_limit - 2.0
    assert planted.share > 2 * clean.share
    # What a normal of standard deviation 0.3 holds below the limit is nearly all of its weight; the clean one's rim is at most 1 %.
    np.testing.assert_allclose(planted.mass, WELL_WEIGHT, atol=5 * float(planted.mass_stderr) + 0.012)
    assert planted.mass > 0.15
    assert clean.mass < 0.01 + 5 * clean.mass_stderr


def test_either_condition_alone_accuses_the_clean_energy():
    """The broken twins: without the distance every mode of the data is suspect; without the energy every empty place is."""
    found, data, proposed, (_, on_proposed) = searched(0, False)
    near = cKDTree(np.asarray(data)).query(np.asarray(proposed.x))[0]
    weight = np.asarray(jax.nn.softmax(-on_proposed))
    assert weight[np.asarray(on_proposed < found.energy_limit)].sum() > 0.9
    assert np.mean(near > found.distance_limit) > 0.8


def test_against_a_tree_of_neighbors():
    found, data, proposed, (on_data, on_proposed) = searched(1, True)
    tree = cKDTree(np.asarray(data))
    limit = np.quantile(tree.query(np.asarray(data), k=2)[0][:, 1], 0.99)
    np.testing.assert_allclose(found.distance_limit, limit, rtol=1e-10)
    np.testing.assert_allclose(found.energy_limit, np.quantile(on_data, 0.99), rtol=1e-10)
    far = tree.query(np.asarray(proposed.x))[0] > limit
    np.testing.assert_allclose(found.share, np.mean(far & np.asarray(on_proposed < found.energy_limit)), rtol=1e-10)
    np.testing.assert_allclose(found.lowest, np.asarray(on_proposed)[far].min(), rtol=1e-12)


def test_a_constant_in_the_energy_changes_nothing_and_its_sign_everything():
    _, data, proposed, (on_data, on_proposed) = searched(0, False)
    once, shifted, turned = (
        jax.jit(spurious_low_energy)(data, sign * on_data + shift, proposed, sign * on_proposed + shift)
        for sign, shift in ((1.0, 0.0), (1.0, 40.0), (-1.0, 0.0))
    )
    np.testing.assert_allclose([shifted.share, shifted.mass], [once.share, once.mass], rtol=1e-9)
    np.testing.assert_allclose(shifted.lowest, once.lowest + 40.0, rtol=1e-12)
    assert turned.mass > 0.99


def test_masked_proposals_do_not_count_and_density_does():
    """Two far, low proposals: one masked; and the remaining one drawn twice as often as the near one."""
    data = jnp.arange(4.0)[:, None]
    x = jnp.array([[0.5], [9.0], [-9.0]])
    proposed = Samples(x, jnp.log(jnp.array([1.0, 2.0, 1.0])), jnp.array([0.0, 0.0, -jnp.inf]))
    found = spurious_low_energy(data, jnp.zeros(4), proposed, jnp.array([-1.0, -1.0, -5.0]))
    np.testing.assert_allclose([found.share, found.mass, found.lowest], [1 / 2, 1 / 3, -1.0], rtol=1e-12)
    np.testing.assert_allclose(found.lowest_at, [9.0])
    nothing = spurious_low_energy(data, jnp.zeros(4), Samples.unweighted(x[:1], jnp.zeros(1)), -jnp.ones(1))
    assert nothing.lowest == jnp.inf
    assert nothing.mass == 0.0


def test_bad_questions_are_refused():
    x = jnp.zeros((3, 2))
    proposed = Samples.unweighted(x, jnp.zeros(3))
    with pytest.raises(ConfigError, match="at least two data, got 1"):
        spurious_low_energy(x[:1], jnp.zeros(1), proposed, jnp.zeros(3))
    with pytest.raises(ConfigError, match="a quantile between 0 and 1"):
        spurious_low_energy(x, jnp.zeros(3), proposed, jnp.zeros(3), 99.0)
    with pytest.raises(ConfigError, match="got a constant one"):
        box_around(jax.random.key(0), x, 10)

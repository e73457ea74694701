"""Curves: normalized, drawn as the density says, on the curve that they are named for."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_moons

from tests.targets.plane import block_masses, drawn_by, goodness_of_fit
from triality.errors import ConfigError
from triality.targets.curves import rings, spirals, two_moons
from triality.targets.mixtures import tilted_weights

TARGETS = {
    "moons": two_moons(),
    "moons, unequal": two_moons(0.1, tilted_weights(2)),
    "spirals": spirals(),
    "rings": rings(),
    "rings, unequal": rings(0.08, tilted_weights(4)),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name.startswith("rings") else []) for name in TARGETS])
def test_it_integrates_to_one_and_draws_follow_it(name):
    target = TARGETS[name]
    masses = block_masses(target)
    np.testing.assert_allclose(masses.sum(), 1.0, atol=1e-6)
    x, with_draw, afterwards = drawn_by(target)
    np.testing.assert_allclose(with_draw, afterwards, atol=1e-9)
    np.testing.assert_allclose(target.log_z, 0.0)
    assert goodness_of_fit(x, target, masses) > 1e-6
    assert goodness_of_fit(x + 0.1, target, masses) < 1e-6  # the control: shifted draws do not follow it


def test_the_density_along_a_ring_is_flat():
    angle = jnp.linspace(0.0, 2.0 * jnp.pi, 2000)
    target = rings(0.08)
    for radius in (1.0, 3.0):
        values = jnp.stack([target.log_prob(radius * jnp.array([jnp.cos(a), jnp.sin(a)])) for a in angle[:40]])
        assert float(jnp.ptp(values)) < 0.02


def test_moons_are_those_of_scikit_learn():
    """Their points lie on our curve: without noise, none is farther from a node than half the distance of two."""
    points = make_moons(200, noise=None, random_state=0)[0]
    nodes = np.asarray(two_moons(0.01).mixture.mean)
    assert np.sqrt(((points[:, None] - nodes[None]) ** 2).sum(-1)).min(axis=1).max() < 0.0055


def test_spirals_are_uniform_in_length_and_opposite():
    nodes = np.asarray(spirals(0.05).mixture.mean)
    arm, other = np.split(nodes, 2)
    steps = np.linalg.norm(np.diff(arm, axis=0), axis=1)
    assert np.ptp(steps) < 0.03 * steps.mean()
    np.testing.assert_allclose(other, -arm, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(arm[-1]), np.pi, atol=0.05)


def test_wrong_noise_and_weights_are_refused():
    with pytest.raises(ConfigError, match="expected noise from"):
        two_moons(0.0)
    with pytest.raises(ConfigError, match="expected 4 positive weights"):
        rings(0.1, jnp.array([1.0, 1.0, 0.0, 1.0]))

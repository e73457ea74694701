"""Pinwheel: normalized, drawn as the density says, the shear keeps areas."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.targets.plane import block_masses, drawn_by, goodness_of_fit
from triality.errors import ConfigError
from triality.targets.mixtures import tilted_weights
from triality.targets.pinwheel import pinwheel

TARGETS = {"equal": pinwheel(), "unequal": pinwheel(5, tilted_weights(5)), "three": pinwheel(3)}


@pytest.mark.parametrize("name", TARGETS)
def test_it_integrates_to_one_and_draws_follow_it(name):
    target = TARGETS[name]
    masses = block_masses(target)
    np.testing.assert_allclose(masses.sum(), 1.0, atol=1e-5)
    x, with_draw, afterwards = drawn_by(target)
    np.testing.assert_allclose(with_draw, afterwards, atol=1e-9)
    assert goodness_of_fit(x, target, masses) > 1e-6
    # The control: the draws of a wheel that turns the other way round.
    other_way = eqx.tree_at(lambda wheel: wheel.rate, target, -target.rate)
    assert goodness_of_fit(drawn_by(other_way)[0], target, masses) < 1e-6


def test_by_hand_at_a_blade_center():
    """At radius 2 nothing is sheared: the first blade alone counts, up to e^-100 of its neighbors."""
    target = pinwheel()
    np.testing.assert_allclose(target.log_prob(jnp.array([2.0, 0.0])), -np.log(5.0 * 2.0 * np.pi * 0.5 * 0.15), rtol=1e-6)
    turned = 2.5 * jnp.array([jnp.cos(0.25), jnp.sin(0.25)])  # half a unit farther out: turned by a quarter radian
    np.testing.assert_allclose(target.log_prob(turned), target.log_prob(jnp.array([2.0, 0.0])) - 0.5, rtol=1e-6)


def test_its_gradient_is_finite_at_the_hub():
    assert bool(jnp.all(jnp.isfinite(jax.grad(pinwheel().energy)(jnp.zeros(2)))))


def test_wrong_weights_are_refused():
    with pytest.raises(ConfigError, match="expected 5 positive weights"):
        pinwheel(5, jnp.ones(4))

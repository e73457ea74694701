"""Penalties by hand: weights count, padding does not, and log Z is out of reach."""

import jax
import jax.numpy as jnp
import numpy as np

from triality.energies.linear import LinearEnergy
from triality.regularizers.gradient_penalty import DataGradientPenalty, InterpolatedGradientPenalty
from triality.regularizers.penalty import Penalties
from triality.regularizers.weight_decay import WeightDecay
from triality.sampler import Samples

KEY = jax.random.key(0)


def energy(x):
    """Slope 2x: its square is 4 x^2."""
    return jnp.sum(x**2)


DATA = Samples(jnp.array([[1.0], [3.0], [jnp.nan]]), jnp.zeros(3), jnp.array([0.0, jnp.log(3.0), -jnp.inf]))
DRAWN = Samples.unweighted(jnp.array([[-1.0], [-3.0]]), jnp.zeros(2))


def test_at_the_data_by_weight():
    value = DataGradientPenalty(0.5)(KEY, energy, DATA, DRAWN)
    np.testing.assert_allclose(value, 0.5 * (0.25 * 4.0 + 0.75 * 36.0), rtol=1e-12)


def test_between_the_sides_by_weight():
    """E[4 x^2] at x = t d + (1 - t) g: 4 (E d^2 + E d E g + E g^2)/3, as t^2 and (1 - t)^2 have mean 1/3, 2 t (1 - t) too."""
    num = 40_000
    value = InterpolatedGradientPenalty(1.0, num)(KEY, energy, DATA, DRAWN)
    d, g = (2.5, 0.25 + 0.75 * 9.0), (-2.0, 5.0)
    exact = 4.0 * (d[1] + d[0] * g[0] + g[1]) / 3.0
    assert abs(float(value) - exact) < 4 * 36.0 / np.sqrt(num)
    unweighted = 4.0 * (5.0 + 2.0 * g[0] + g[1]) / 3.0
    assert abs(float(value) - unweighted) > 8 * 36.0 / np.sqrt(num) / 4


def test_decay_reaches_parameters_only():
    linear = LinearEnergy(lambda x: x, jnp.array([3.0, -4.0]))
    gradient = jax.grad(lambda w: WeightDecay(0.2)(KEY, LinearEnergy(lambda x: x, w), DATA, DRAWN))(linear.weights)
    np.testing.assert_allclose(gradient, 0.2 * linear.weights, rtol=1e-12)


def test_a_sum_is_the_sum_of_its_parts():
    both = Penalties((DataGradientPenalty(0.5), DataGradientPenalty(0.25)))
    np.testing.assert_allclose(both(KEY, energy, DATA, DRAWN), 1.5 * DataGradientPenalty(0.5)(KEY, energy, DATA, DRAWN), rtol=1e-12)

"""Eq. 1: the Boltzmann density, low energy = likely, log Z a leaf of its own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.energies.mlp import MLPEnergy
from triality.energy import Conditional, Constant, UnnormalizedDensity
from triality.partition.exact import gauss_legendre, quadrature


def test_value_by_hand_and_low_energy_is_likely():
    density = UnnormalizedDensity(lambda x: 2.0 * x, Constant(3.0))
    np.testing.assert_allclose(density.log_prob(jnp.array(5.0)), -13.0)
    assert density.log_prob(jnp.array(-1.0)) > density.log_prob(jnp.array(1.0))


def test_integrates_to_one_with_log_z_by_quadrature():
    energy = MLPEnergy(jax.random.key(0), 2, (8,))
    grid = gauss_legendre([-2.0, -1.0], [1.0, 2.0], 32)
    density = UnnormalizedDensity(energy, Constant(quadrature(energy, grid)))
    masses = jnp.exp(jax.vmap(density.log_prob)(grid.points) + grid.log_volume)
    np.testing.assert_allclose(jnp.sum(masses), 1.0, atol=1e-12)
    # A finer rule agrees, so that the sum is the integral.
    np.testing.assert_allclose(quadrature(energy, gauss_legendre([-2.0, -1.0], [1.0, 2.0], 48)), density.log_z.value, atol=1e-8)


def test_log_z_is_a_leaf_and_the_energy_has_no_constant_of_its_own():
    density = UnnormalizedDensity(MLPEnergy(jax.random.key(0), 2, (8,)), Constant(0.4))
    gradient = jax.grad(lambda density: density.log_prob(jnp.ones(2)))(density)
    assert gradient.log_z.value == -1.0
    assert len(density.energy.net.biases) == 1  # of the hidden layer; none at the output (D5)


def test_conditional_log_z_reads_the_context():
    conditional = Conditional(jnp.array([1.0, 20.0]), lambda x: x["start"])
    density = UnnormalizedDensity(lambda x: x["value"], conditional)
    batch = {"start": jnp.array([0, 1, 1]), "value": jnp.array([0.0, 0.0, 3.0])}
    np.testing.assert_allclose(jax.vmap(density.log_prob)(batch), [-1.0, -20.0, -23.0])
    gradient = eqx.filter_grad(lambda density: jnp.sum(jax.vmap(density.log_prob)(batch)))(density)
    np.testing.assert_allclose(gradient.log_z.values, [-1.0, -2.0])

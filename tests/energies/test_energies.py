"""Energies of data: closed forms where there are any, no hidden constant, gradients that reach every parameter."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.autoencoder import AutoencoderEnergy
from triality.energies.convolutional import ConvolutionalEnergy
from triality.energies.linear import LinearEnergy, pairwise_features
from triality.energies.mlp import MLPEnergy
from triality.energies.quadratic import QuadraticEnergy
from triality.energies.sum import NegativeLogDensity, SumEnergy
from triality.regularizers.spectral_norm import SpectrallyNormalized, largest_singular_value
from triality.samplers.gaussian import Gaussian

KEY = jax.random.key(0)
QUADRATIC = QuadraticEnergy(jnp.array([0.5, -1.0]), jnp.array([0.3, -0.2]), jnp.array([[9.0, 9.0], [0.7, 9.0]]))
# Name -> energy, and a sample.
CASES = {
    "quadratic": (QUADRATIC, jnp.array([0.3, 0.8])),
    "mlp": (MLPEnergy(KEY, 2, (8,)), jnp.array([0.3, 0.8])),
    "linear": (LinearEnergy(pairwise_features, jnp.array([0.1, 0.2, 0.3])), jnp.array([1, 1])),
    "convolutional": (ConvolutionalEnergy(KEY, (6, 4), (3, 2)), jax.random.randint(KEY, (6, 4), 0, 2)),
    "auto-encoder": (AutoencoderEnergy(KEY, 3, 1, (4,)), jnp.array([0.3, 0.8, -0.1])),
    "sum": (SumEnergy((QUADRATIC, MLPEnergy(KEY, 2, (8,)))), jnp.array([0.3, 0.8])),
    "spectrally normalized": (SpectrallyNormalized(MLPEnergy(KEY, 2, (8,)), 2.0), jnp.array([0.3, 0.8])),
}


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_matters(name):
    energy, x = CASES[name]
    assert energy(x).shape == ()
    gradient = eqx.filter_jit(eqx.filter_grad(lambda e: e(x)))(energy)
    for path, leaf in jax.tree_util.tree_leaves_with_path(eqx.filter(gradient, eqx.is_inexact_array)):
        is_setting = jax.tree_util.keystr(path) == ".bound"  # of a spectral norm: if it were trained, it would bound nothing
        assert bool(jnp.any(leaf != 0)) != is_setting


def test_quadratic_energy_is_the_gaussian_of_its_precision():
    """Against numpy's inverse and determinant; above the diagonal nothing counts."""
    factor = np.array([[np.exp(0.3), 0.0], [0.7, np.exp(-0.2)]])
    precision, x = factor @ factor.T, np.array([0.3, 0.8])
    off = x - np.array([0.5, -1.0])
    np.testing.assert_allclose(QUADRATIC(jnp.asarray(x)), 0.5 * off @ precision @ off, rtol=1e-12)
    np.testing.assert_allclose(QUADRATIC.log_z, np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision)[1], rtol=1e-12)


def test_pairwise_features_against_a_loop():
    x = [1, 0, 1, 1]
    wanted = x + [x[i] * x[j] for i in range(4) for j in range(i + 1, 4)]
    assert pairwise_features(jnp.array(x)).tolist() == wanted


def test_autoencoder_energy_is_zero_where_it_reconstructs():
    energy = AutoencoderEnergy(KEY, 2, 2, ())
    identity = eqx.tree_at(lambda e: (e.encoder.weights[0], e.decoder.weights[0]), energy, (jnp.eye(2), jnp.eye(2)))
    assert float(identity(jnp.array([0.3, -2.0]))) == 0.0
    half = eqx.tree_at(lambda e: e.decoder.weights[0], identity, 0.5 * jnp.eye(2))
    np.testing.assert_allclose(half(jnp.array([2.0, 4.0])), 1.0 + 4.0)


def test_a_tilt_adds_to_minus_log_q0_and_leaves_it_alone():
    base = Gaussian(jnp.array([0.3]), jnp.array([0.1]))
    tilt = SumEnergy((NegativeLogDensity(base), QuadraticEnergy(jnp.zeros(1), jnp.zeros(1), jnp.zeros((1, 1)))))
    x = jnp.array([0.7])
    np.testing.assert_allclose(tilt(x), -base.log_prob(x) + 0.245, rtol=1e-12)
    gradient = eqx.filter_grad(lambda e: e(x))(tilt)
    assert float(gradient.parts[0].density.mean[0]) == 0.0
    np.testing.assert_allclose(jax.grad(tilt)(x), -jax.grad(base.log_prob)(x) + x, rtol=1e-12)  # the sample's own gradient passes


def test_largest_singular_value_and_its_derivative():
    matrix = jax.random.normal(jax.random.key(3), (5, 7)) + jnp.outer(jnp.arange(5.0), jnp.ones(7))
    u, s, vt = np.linalg.svd(matrix)
    np.testing.assert_allclose(largest_singular_value(matrix, 60), s[0], rtol=1e-12)
    np.testing.assert_allclose(jax.grad(lambda m: largest_singular_value(m, 60))(matrix), np.outer(u[:, 0], vt[0]), atol=1e-8)
    assert float(largest_singular_value(matrix, 2)) <= s[0]


def test_spectral_normalization_bounds_the_slope():
    """A perceptron with large weights is steep; wrapped, its slope nowhere passes bound^depth."""
    steep = jax.tree.map(lambda leaf: 20.0 * leaf, MLPEnergy(KEY, 2, (16, 16)))
    x = jax.random.normal(jax.random.key(1), (200, 2))

    def largest_slope(energy):
        return jnp.max(jnp.linalg.norm(jax.vmap(jax.grad(energy))(x), axis=-1))

    assert float(largest_slope(steep)) > 10.0
    assert float(largest_slope(SpectrallyNormalized(steep, 1.0, 60))) <= 1.0 + 1e-6
    doubled, once = (float(largest_slope(SpectrallyNormalized(MLPEnergy(KEY, 2, ()), bound, 60))) for bound in (2.0, 1.0))
    assert (doubled, once) == (pytest.approx(2.0), pytest.approx(1.0))  # of a single layer the bound is reached

"""Enumeration and quadrature against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.partition.exact import enumeration, gauss_legendre, quadrature, trapezoid


def test_enumeration_with_a_base_measure():
    neg_energy = jnp.array([0.3, -1.0, 2.0])
    assert float(enumeration(neg_energy)) == pytest.approx(np.log(np.exp(np.asarray(neg_energy)).sum()), abs=1e-14)
    doubled = enumeration(neg_energy, jnp.log(jnp.array([1.0, 2.0, 1.0])))
    assert float(doubled) == pytest.approx(np.log(np.exp([0.3, -1.0, -1.0, 2.0]).sum()), abs=1e-14)
    assert float(enumeration(neg_energy - 1e4)) == pytest.approx(float(enumeration(neg_energy)) - 1e4)


PRECISION = jnp.array([[2.0, 0.6], [0.6, 0.5]])


@pytest.mark.parametrize("rule", [gauss_legendre, trapezoid])
def test_gaussian_in_two_dimensions(rule):
    grid = rule([-7.0, -12.0], [8.0, 14.0], 90)
    log_z = quadrature(lambda x: 0.5 * (x - 0.5) @ PRECISION @ (x - 0.5), grid)
    assert float(log_z) == pytest.approx(np.log(2 * np.pi) - 0.5 * float(jnp.linalg.slogdet(PRECISION)[1]), abs=1e-8)
    assert float(jnp.exp(grid.log_volume).sum()) == pytest.approx(15.0 * 26.0)
    assert grid.points.shape == (8100, 2)
    assert float(grid.points[0, 0]) == float(grid.points[1, 0])  # the last dimension is the fastest


def test_asymmetric_energy_in_one_dimension_and_its_gradient():
    """exp(-E) = exp(-k x) on [0, 2]: Z = (1 - exp(-2k)) / k."""
    grid = gauss_legendre([0.0], [2.0], 20)

    def log_z(k):
        return quadrature(lambda x: k * x[0], grid)

    value, gradient = jax.value_and_grad(log_z)(1.3)
    assert float(value) == pytest.approx(np.log((1 - np.exp(-2.6)) / 1.3), abs=1e-12)
    assert float(gradient) == pytest.approx(2 * np.exp(-2.6) / (1 - np.exp(-2.6)) - 1 / 1.3, abs=1e-12)


@pytest.mark.parametrize("arguments", [([0.0], [0.0], 5), ([0.0, 1.0], [1.0], 5), ([0.0], [1.0], 1)])
def test_impossible_grids(arguments):
    with pytest.raises(ConfigError, match="expected"):
        trapezoid(*arguments)

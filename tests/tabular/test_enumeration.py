import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energy import Constant, UnnormalizedDensity
from triality.errors import DataError
from triality.numerics import log_mean_exp
from triality.tabular import EnumerableSpace

POINTS = jnp.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5], [-3.0, 0.25], [1.0, 1.0]])


def energy(x):
    return 0.3 * x[0] - x[1] ** 2 * x[0]


def test_log_z_and_expectations_by_hand():
    space = EnumerableSpace.counting(POINTS)
    weights = np.exp([-float(energy(x)) for x in POINTS])
    np.testing.assert_allclose(space.log_z(energy), np.log(weights.sum()), rtol=1e-14)
    log_p = space.log_prob(energy)
    np.testing.assert_allclose(space.expectation(log_p, POINTS), weights @ np.asarray(POINTS) / weights.sum(), rtol=1e-13)
    model = UnnormalizedDensity(energy, Constant(space.log_z(energy)))
    np.testing.assert_allclose(jax.vmap(model.log_prob)(POINTS), log_p, atol=1e-14)


def test_a_reference_measure_is_part_of_every_sum():
    """Point i counted i + 1 times equals a space in which it stands i + 1 times."""
    counts = np.arange(1, 6)
    weighted = EnumerableSpace(POINTS, jnp.log(counts))
    repeated = EnumerableSpace.counting(jnp.repeat(POINTS, counts, axis=0))
    np.testing.assert_allclose(weighted.log_z(energy), repeated.log_z(energy), rtol=1e-14)
    np.testing.assert_allclose(
        weighted.expectation(weighted.log_prob(energy), POINTS),
        repeated.expectation(repeated.log_prob(energy), repeated.points),
        rtol=1e-13,
    )
    assert abs(float(weighted.log_z(energy) - EnumerableSpace.counting(POINTS).log_z(energy))) > 0.1


def test_gradient_of_log_z_is_minus_the_expected_feature():
    space = EnumerableSpace.counting(POINTS)
    theta = jnp.array([0.7, -0.4])
    gradient = jax.grad(lambda t: space.log_z(lambda x: t @ x))(theta)
    expected = space.expectation(space.log_prob(lambda x: theta @ x), POINTS)
    np.testing.assert_allclose(gradient, -expected, atol=1e-13)


def test_kl_is_the_generator_loss_minus_its_log_z():
    """E_q[E + log q] + log Z = KL(q || p) (eq. 2)."""
    space = EnumerableSpace.counting(POINTS)
    log_q = jax.nn.log_softmax(jnp.array([0.1, 2.0, -1.0, 0.3, 0.0]))
    loss = space.expectation(log_q, space.energies(energy) + log_q) + space.log_z(energy)
    np.testing.assert_allclose(space.kl_divergence(log_q, space.log_prob(energy)), loss, atol=1e-13)
    impossible = jnp.array([0.0, -jnp.inf, -jnp.inf, -jnp.inf, -jnp.inf])
    assert np.isfinite(space.kl_divergence(impossible, space.log_prob(energy)))


def test_samples_give_exact_expectations():
    """Weighted by their probability under q, all points together make importance sampling exact."""
    space = EnumerableSpace.counting(POINTS)
    log_q = jax.nn.log_softmax(jnp.array([0.1, 2.0, -1.0, 0.3, 0.0]))
    drawn = space.samples(space.log_mass(log_q), log_q)
    estimate = log_mean_exp(-jax.vmap(energy)(drawn.x) - drawn.log_q, drawn.log_weight)
    np.testing.assert_allclose(estimate, space.log_z(energy), atol=1e-13)


def test_unequal_leaves_are_refused():
    with pytest.raises(DataError, match="one leading axis"):
        EnumerableSpace.counting((jnp.zeros(3), jnp.zeros(4)))

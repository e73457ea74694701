"""Maximum likelihood, exact: its gradient at first and second order, and the optimum of an exponential family in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

from tests.objectives import instances
from triality.objectives.likelihood import exact_energy_loss, negative_log_likelihood
from triality.sampler import Samples
from triality.samplers.categorical import Categorical
from triality.samplers.gaussian import Gaussian

POINTS = jnp.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [0.7, -0.8], [0.2, 0.3]])


def test_values_by_hand():
    data = Samples.unweighted(jnp.array([0, 1, 1]), jnp.zeros(3))
    coin = Categorical(jnp.log(jnp.array([1.0, 3.0])))
    np.testing.assert_allclose(negative_log_likelihood(coin, data), -(np.log(0.25) + 2 * np.log(0.75)) / 3)
    on_two = Samples.unweighted(jnp.array([2.0]), jnp.zeros(1))
    exact = exact_energy_loss(lambda x: x, on_two, jnp.array([0.0, 2.0]), jnp.log(jnp.array([1.0, 3.0])))
    np.testing.assert_allclose(exact, 2.0 + np.log(1 + 3 * np.exp(-2.0)), rtol=1e-14)


def test_masked_samples_never_touch_loss_or_gradient():
    data = Samples(jnp.array([[1.0, 2.0], [jnp.nan, jnp.nan]]), jnp.zeros(2), jnp.array([0.0, -jnp.inf]))
    density = Gaussian(jnp.zeros(2), jnp.zeros(2))
    value, gradient = jax.value_and_grad(negative_log_likelihood)(density, data)
    plain = data._replace(x=data.x[:1], log_q=data.log_q[:1], log_weight=data.log_weight[:1])
    wanted, wanted_gradient = jax.value_and_grad(negative_log_likelihood)(density, plain)
    np.testing.assert_allclose(value, wanted)
    jax.tree.map(np.testing.assert_allclose, gradient, wanted_gradient)


def test_first_and_second_derivatives():
    data = Samples(POINTS, jnp.zeros(5), jnp.log(jnp.array([0.1, 0.3, 0.2, 0.15, 0.25])))
    check_grads(lambda cost: exact_energy_loss(cost, data, POINTS, jnp.zeros(5)), (instances.energy(),), order=2, modes=["rev"], rtol=1e-5)


def test_gradient_is_the_gap_of_two_expectations():
    data = Samples(POINTS, jnp.zeros(5), jnp.log(jnp.array([0.1, 0.3, 0.2, 0.15, 0.25])))
    theta = jnp.array([0.4, -0.7])
    gradient = jax.grad(lambda theta: exact_energy_loss(lambda x: theta @ x, data, POINTS, jnp.zeros(5)))(theta)
    model = jax.nn.softmax(-POINTS @ theta)
    np.testing.assert_allclose(gradient, jnp.exp(data.log_weight) @ POINTS - model @ POINTS, rtol=1e-13)


def test_exponential_family_matches_its_sufficient_statistics():
    """Newton to the optimum of a linear energy: the model's mean of the features is the data's."""
    data = Samples(POINTS, jnp.zeros(5), jnp.log(jnp.array([0.1, 0.3, 0.2, 0.15, 0.25])))
    loss = lambda theta: exact_energy_loss(lambda x: theta @ x, data, POINTS, jnp.zeros(5))  # noqa: E731
    newton = jax.jit(lambda theta: theta - jnp.linalg.solve(jax.hessian(loss)(theta), jax.grad(loss)(theta)))
    theta = jnp.zeros(2)
    for _ in range(20):
        theta = newton(theta)
    np.testing.assert_allclose(jax.nn.softmax(-POINTS @ theta) @ POINTS, jnp.exp(data.log_weight) @ POINTS, atol=1e-8)


def test_gaussian_maximum_likelihood_is_the_sample_mean_and_deviation():
    x = jax.random.normal(jax.random.key(0), (50, 2)) * jnp.array([0.5, 2.0]) + 1.0
    closed = Gaussian(x.mean(0), jnp.log(x.std(0)))
    gradient = jax.grad(negative_log_likelihood)(closed, Samples.unweighted(x, jnp.zeros(50)))
    assert max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(gradient)) < 1e-13

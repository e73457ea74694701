"""The covariance gradient is that of the divergence, on an enumerable problem in which nothing is symmetric."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.objectives.state_marginal import ForwardKL, JensenShannon, ReverseKL, covariance_loss

NUM_STATES, HORIZON = 3, 4
PATHS = jnp.array(list(itertools.product(range(NUM_STATES), repeat=HORIZON)))
START = jnp.array([0.6, 0.3, 0.1])
MOVES = jnp.array([[0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.7, 0.1, 0.2]])  # of no symmetry: passive dynamics, tilted by the reward
LOG_DYNAMICS = jnp.log(START[PATHS[:, 0]]) + jnp.sum(jnp.log(MOVES[PATHS[:, :-1], PATHS[:, 1:]]), axis=-1)
DATA = jnp.array([0.15, 0.6, 0.25])
COST = jnp.array([0.4, -0.3, 1.1])
MASK = jnp.ones(PATHS.shape, bool)
CASES = {
    "forward": (ForwardKL(), lambda u: u * jnp.log(u)),
    "reverse": (ReverseKL(), lambda u: -jnp.log(u)),
    "js": (JensenShannon(), lambda u: u * jnp.log(u) - (1 + u) * jnp.log((1 + u) / 2)),
}


def log_shares(cost: jax.Array) -> jax.Array:
    return jax.nn.log_softmax(LOG_DYNAMICS - jnp.sum(cost[PATHS], axis=-1))


def marginal(cost: jax.Array) -> jax.Array:
    visits = jnp.mean(jax.nn.one_hot(PATHS, NUM_STATES), axis=1)
    return jnp.exp(log_shares(cost)) @ visits


def surrogate(cost: jax.Array, h, sign: float = 1.0, mean: float | None = None) -> jax.Array:
    at = jax.lax.stop_gradient(cost)
    per_step = jax.vmap(jax.vmap(h))((sign * (jnp.log(DATA) - jnp.log(marginal(at))))[PATHS])
    if mean is None:
        return covariance_loss(per_step, cost[PATHS], MASK, log_shares(at))
    sums = jnp.sum(per_step, axis=-1) - mean
    return -jnp.sum(jnp.exp(log_shares(at)) * sums * jnp.sum(cost[PATHS], axis=-1)) / HORIZON


def differences(f, step: float = 1e-5) -> np.ndarray:
    def divergence(cost):
        rho = marginal(cost)
        return float(jnp.sum(rho * f(DATA / rho)))

    return np.array([(divergence(COST + e) - divergence(COST - e)) / (2 * step) for e in step * jnp.eye(NUM_STATES)])


@pytest.mark.parametrize("name", CASES)
def test_the_covariance_is_the_gradient_of_the_divergence(name):
    h, f = CASES[name]
    exact = differences(f)
    assert np.abs(exact).min() > 1e-3
    np.testing.assert_allclose(jax.grad(surrogate)(COST, h), exact, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_with_the_ratio_turned_or_a_stale_mean_it_is_not(name):
    h, f = CASES[name]
    exact = differences(f)
    stale = float(jnp.mean(jax.vmap(jax.vmap(h))((jnp.log(DATA) - jnp.log(marginal(jnp.zeros(NUM_STATES))))[PATHS]))) * HORIZON
    for broken in (jax.grad(surrogate)(COST, h, -1.0), jax.grad(surrogate)(COST, h, 1.0, stale), -jax.grad(surrogate)(COST, h)):
        assert np.abs(broken - exact).max() > 1e-2 * np.abs(exact).max()


def test_every_h_is_that_of_its_f():
    for h, f in CASES.values():
        for u in (0.3, 1.0, 2.7):
            expected = f(jnp.array(u)) - jax.grad(f)(jnp.array(u)) * u
            np.testing.assert_allclose(h(jnp.log(u)), expected, atol=1e-12)


def test_padding_and_masked_trajectories_count_nothing():
    h, costs = jnp.array([[-3.0, jnp.nan], [-1.0, -2.0], [9.0, 9.0]]), jnp.array([[5.0, jnp.nan], [2.0, 1.0], [7.0, 7.0]])
    mask = jnp.array([[True, False], [True, True], [True, True]])
    weight = jnp.array([0.0, 0.0, -jnp.inf])
    loss, gradient = jax.value_and_grad(covariance_loss, argnums=1)(h, costs, mask, weight)
    assert float(loss) == pytest.approx(-0.5 * (0.0 * 5.0 + 0.0 * 3.0) / 1.5)
    np.testing.assert_array_equal(gradient[0, 1], 0.0)
    np.testing.assert_array_equal(gradient[2], 0.0)


def test_large_ratios_stay_finite():
    for h, _ in CASES.values():
        assert np.isfinite([float(h(jnp.array(s))) for s in (-1000.0, 1000.0)]).all()

"""Coverage of -E - log Z at every point of a small space, where data and draws both err; and what half an error covers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.judging.linear_density import LinearDensity, fit_linear_density, linear_density
from triality.tabular.enumeration import EnumerableSpace

NUM_SETS, N, M, LEVEL = 500, 400, 400, 0.9
SPACE = EnumerableSpace.counting(jnp.asarray(np.random.default_rng(0).normal(size=(9, 2))))
DATA = jnp.log(jnp.asarray(np.random.default_rng(3).dirichlet(2.0 * np.ones(9))))  # in no class of two features
DRAWN = jnp.log(jnp.asarray(np.random.default_rng(4).dirichlet(4.0 * np.ones(9))))


@pytest.fixture(scope="module")
def limit():
    """The density of the class nearest to the data: every point once, weighed by copies, gives the exact fit."""
    counts = np.round(np.exp(np.asarray(DATA)) * 20_000).astype(int)
    exact = fit_linear_density(jnp.repeat(SPACE.points, counts, axis=0), SPACE.points, jnp.full(9, -jnp.log(9.0)))
    return exact


@pytest.fixture(scope="module")
def fits():
    def one(key):
        data, drawn = (
            jax.random.categorical(each, law, shape=(num,))
            for each, law, num in zip(jax.random.split(key), (DATA, DRAWN), (N, M), strict=True)
        )
        return linear_density(SPACE.points[data], SPACE.points[drawn], DRAWN[drawn], num_steps=8)

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), NUM_SETS))


@jax.jit
def covered(fits, truth):
    inside = jax.vmap(lambda fit: jnp.abs(fit.log_prob(SPACE.points) - truth) <= 1.6449 * fit.stderr(SPACE.points))(fits)
    return jnp.mean(inside, axis=0)


def is_nominal(share):
    return bool(np.all(np.abs(share - LEVEL) < 4.0 * np.sqrt(LEVEL * (1.0 - LEVEL) / NUM_SETS)))


def test_the_exact_fit_is_the_exact_one(limit):
    """q = every point once: log Z is the space's own, and the features' means are matched."""
    energy = lambda x: limit.weights @ x  # noqa: E731
    assert float(limit.log_z) == pytest.approx(float(SPACE.log_z(energy)), abs=1e-12)
    log_prob = SPACE.log_prob(energy)
    np.testing.assert_allclose(SPACE.expectation(log_prob, SPACE.points), SPACE.expectation(DATA, SPACE.points), atol=1e-3)
    assert float(SPACE.kl_divergence(DATA, log_prob)) > 0.02  # the class is wrong, on purpose


def test_intervals_cover_at_their_level(fits, limit):
    assert bool(jnp.all(fits.gap < 1e-9))
    assert is_nominal(covered(fits, limit.log_prob(SPACE.points)))


@pytest.mark.parametrize(
    "broken",
    [
        lambda fits: fits._replace(drawn_influence=jnp.zeros_like(fits.drawn_influence)),
        lambda fits: fits._replace(data_influence=jnp.zeros_like(fits.data_influence)),
        lambda fits: fits._replace(drawn_influence=fits.drawn_influence.at[..., -1].multiply(-1.0)),
        lambda fits: fits._replace(data_influence=fits.data_influence * np.sqrt(N)),
    ],
    ids=["no error of log Z", "no error of theta", "log Z pulled the wrong way", "1/n forgotten"],
)
def test_half_an_error_does_not(fits, limit, broken):
    assert not is_nominal(covered(broken(fits), limit.log_prob(SPACE.points)))


def test_influences_are_what_one_sample_more_does():
    """A data sample repeated moves (theta, log Z) by its influence; so does a drawn one."""
    data, drawn = SPACE.points[jnp.array([0, 1, 2, 3, 5, 7, 8] * 30)], SPACE.points[jnp.array([0, 1, 2, 3, 4, 5, 6, 7, 8] * 30)]
    log_q = jnp.full(len(drawn), -jnp.log(9.0))
    fit, joined = fit_linear_density(data, drawn, log_q), lambda found: np.append(np.asarray(found.weights), found.log_z)
    more_data = fit_linear_density(jnp.concatenate([data, data[3:4]]), drawn, log_q)
    more_drawn = fit_linear_density(data, jnp.concatenate([drawn, drawn[3:4]]), jnp.append(log_q, log_q[3]))
    assert isinstance(fit, LinearDensity)
    np.testing.assert_allclose(joined(more_data) - joined(fit), fit.data_influence[3], rtol=0.05, atol=3e-5)
    np.testing.assert_allclose(joined(more_drawn) - joined(fit), fit.drawn_influence[3], rtol=0.05, atol=3e-5)


def test_data_beyond_all_draws_are_refused():
    with pytest.raises(DataError, match="some weighting of the draws"):
        fit_linear_density(jnp.full((3, 1), 5.0), jnp.array([[0.0], [1.0]]), jnp.zeros(2))
    fit = fit_linear_density(jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [1.0]]), jnp.zeros(2))
    with pytest.raises(ConfigError, match="level strictly between"):
        fit.interval(jnp.zeros((1, 1)), 0.0)
    low, high = fit.interval(jnp.zeros((1, 1)))
    assert float(low[0]) < float(fit.log_prob(jnp.zeros((1, 1)))[0]) < float(high[0])

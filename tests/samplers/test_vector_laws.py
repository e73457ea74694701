"""Laws of samplers of vectors: normalized, drawn as the density says, invertible, and learnable in every parameter that is one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError, DataError
from triality.sampler import draw
from triality.samplers.flow import (
    Flow,
    inverse_autoregressive_flow,
    masked_autoregressive_flow,
    real_nvp,
    spline_coupling_flow,
    triangular_spline_flow,
)
from triality.samplers.gaussian import Gaussian
from triality.samplers.gaussian_mixture import GaussianMixture, gaussian_mixture
from triality.samplers.standardized import Standardized, standardize
from triality.samplers.transformed import Transformed

NUM_DRAWS = 20_000
EDGE, CELLS = 9.0, 300


def shaken(sampler, size, seed=0):
    """Trainable leaves moved off the identity."""
    leaves, structure = jax.tree.flatten(eqx.filter(sampler, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + size * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), sampler)


FLOWS = {
    "real nvp": shaken(real_nvp(jax.random.key(0), 2, 3, (8, 8)), 0.1),
    "splines": shaken(spline_coupling_flow(jax.random.key(1), 2, 2, (8, 8), num_bins=4, interval=3.0), 0.3),
    "triangular splines": shaken(triangular_spline_flow(jax.random.key(4), 2, 1, 5), 0.3),
    "maf": shaken(masked_autoregressive_flow(jax.random.key(2), 2, 2, (8, 8)), 0.1),
    "iaf": shaken(inverse_autoregressive_flow(jax.random.key(3), 2, 2, (8, 8)), 0.1),
}
MIXTURE = GaussianMixture(jnp.array([0.3, -0.5]), jnp.array([[-1.0, 0.5], [2.0, -1.0]]), jnp.array([[-0.4, 0.2], [0.1, -0.3]]))
CASES = {
    **FLOWS,
    "mixture": MIXTURE,
    "flow of a mixture": Transformed(MIXTURE, FLOWS["maf"].bijection),
    "standardized": Standardized(FLOWS["real nvp"], jnp.array([0.5, -1.0]), jnp.array([0.6, 1.4])),
}


@eqx.filter_jit
def on_grid(sampler):
    """Densities at cell centers, and the area of a cell."""
    edges = jnp.linspace(-EDGE, EDGE, CELLS + 1)
    centers = 0.5 * (edges[1:] + edges[:-1])
    x = jnp.stack(jnp.meshgrid(centers, centers, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.exp(jax.lax.map(sampler.log_prob, x, batch_size=5000)).reshape(CELLS, CELLS), (2 * EDGE / CELLS) ** 2


@eqx.filter_jit
def drawn_by(sampler):
    samples = draw(sampler, jax.random.key(7), NUM_DRAWS)
    return samples.x, samples.log_q, jax.vmap(sampler.log_prob)(samples.x)


@pytest.mark.parametrize("name", CASES)
def test_density_integrates_to_one(name):
    values, area = on_grid(CASES[name])
    np.testing.assert_allclose(jnp.sum(values) * area, 1.0, atol=2e-3)


@pytest.mark.parametrize("name", CASES)
def test_draws_follow_the_density(name):
    """Counts in 20 x 20 blocks of cells against the integral of the density there; shifted draws do not fit."""
    values, area = on_grid(CASES[name])
    expected = NUM_DRAWS * area * np.asarray(values).reshape(20, 15, 20, 15).sum(axis=(1, 3))
    x = np.asarray(drawn_by(CASES[name])[0])
    edges = np.linspace(-EDGE, EDGE, 21)

    def p_value(x):
        counts = np.histogram2d(x[:, 0], x[:, 1], bins=(edges, edges))[0]
        rare = expected < 20
        observed = np.append(counts[~rare], NUM_DRAWS - counts[~rare].sum())
        wanted = np.append(expected[~rare], NUM_DRAWS - expected[~rare].sum())
        return stats.chi2.sf(np.sum((observed - wanted) ** 2 / np.maximum(wanted, 1.0)), len(wanted) - 1)

    assert p_value(x) > 1e-6
    assert p_value(x + np.array([0.3, 0.0])) < 1e-6


@pytest.mark.parametrize("name", CASES)
def test_log_density_of_a_draw_is_the_one_that_came_with_it(name):
    _, with_draw, afterwards = drawn_by(CASES[name])
    np.testing.assert_allclose(with_draw, afterwards, atol=1e-8)


@pytest.mark.parametrize("name", FLOWS)
def test_inverse_and_its_log_determinant(name):
    flow = FLOWS[name]
    z = 1.5 * jax.random.normal(jax.random.key(4), (50, 2))

    @jax.jit
    def there_and_back(z):
        x, log_det = flow.transform_and_log_det(z)
        back, log_det_back = flow.inverse_and_log_det(x)
        exact = jnp.linalg.slogdet(jax.jacfwd(lambda z: flow.transform_and_log_det(z)[0])(z))[1]
        return x, back, log_det, log_det_back, exact

    x, back, log_det, log_det_back, exact = jax.vmap(there_and_back)(z)
    np.testing.assert_allclose(back, z, atol=1e-9)
    np.testing.assert_allclose(log_det, exact, atol=1e-9)
    np.testing.assert_allclose(log_det_back, -exact, atol=1e-8)
    assert float(jnp.max(jnp.abs(x - z))) > 0.1  # no identity
    assert float(jnp.std(exact)) > 0.01


@pytest.mark.parametrize("name", [*FLOWS, "mixture"])
def test_density_has_a_gradient_in_every_parameter(name):
    x = jax.random.normal(jax.random.key(5), (64, 2))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda q: jnp.sum(jnp.sin(jnp.arange(64.0)) * jax.vmap(q.log_prob)(x))))(CASES[name])
    for leaf in jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array)):
        assert bool(jnp.any(leaf != 0))


@pytest.mark.parametrize("name", FLOWS)
def test_draws_are_differentiable(name):
    key = jax.random.split(jax.random.key(6), 64)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda q: jnp.sum(jnp.sin(jax.vmap(q.sample)(key)))))(FLOWS[name])
    assert sum(float(jnp.sum(jnp.abs(leaf))) for leaf in jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array))) > 0.1


def test_draws_of_a_mixture_are_not_and_say_so():
    key = jax.random.key(6)
    gradient = jax.grad(lambda q: jnp.sum(q.sample(key)))(MIXTURE)
    assert all(not jnp.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_standardize_takes_the_scale_of_the_data_and_keeps_it():
    x = jax.random.normal(jax.random.key(8), (500, 2)) * jnp.array([0.01, 50.0]) + jnp.array([3.0, -200.0])
    q = standardize(Gaussian(jnp.zeros(2), jnp.zeros(2)), x)
    np.testing.assert_allclose(q.log_prob(x[0]), Gaussian(jnp.mean(x, 0), jnp.log(jnp.std(x, 0))).log_prob(x[0]), rtol=1e-10)
    gradient = jax.grad(lambda q: q.log_prob(x[1]))(q)
    assert not jnp.any(gradient.shift)
    assert not jnp.any(gradient.scale)
    assert jnp.all(gradient.base.mean != 0)
    with pytest.raises(DataError, match=r"constant ones: \[1\]"):
        standardize(Gaussian(jnp.zeros(2), jnp.zeros(2)), x.at[:, 1].set(4.0))


def test_a_mixture_begins_far_apart_in_the_data():
    """Three narrow clusters, three centers: k-means++ takes one from each."""
    centers = jnp.array([[-10.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    x = jnp.repeat(centers, 50, axis=0) + 0.01 * jax.random.normal(jax.random.key(9), (150, 2))
    q = gaussian_mixture(jax.random.key(1), x, 3)
    distance = jnp.linalg.norm(q.mean[:, None] - centers[None], axis=-1)
    assert sorted(jnp.argmin(distance, axis=1).tolist()) == [0, 1, 2]
    with pytest.raises(DataError, match="expected at least 200 samples"):
        gaussian_mixture(jax.random.key(1), x, 200)


REFUSED = {"one dimension": lambda key: real_nvp(key, 1), "sizes that differ": lambda key: real_nvp(key, 2, hidden=(8, 4))}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_coupled_is_refused(case):
    with pytest.raises(ConfigError, match="expected"):
        REFUSED[case](jax.random.key(0))


def test_a_flow_of_one_dimension_can_be_autoregressive():
    flow = masked_autoregressive_flow(jax.random.key(0), 1, 2, (4, 4))
    assert isinstance(flow, Flow)
    x, log_q = flow.sample_and_log_prob(jax.random.key(1))
    np.testing.assert_allclose(flow.log_prob(x), log_q, atol=1e-10)

"""Laws that every sampler keeps, over a table of cases: draws follow the density, and what comes with a draw is that density."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.sampler import draw
from triality.samplers.categorical import Categorical
from triality.samplers.gaussian import MARGIN, Gaussian, SquashedGaussian
from triality.samplers.mixture import MixtureSampler

BASE = Gaussian(jnp.array([0.4]), jnp.array([-0.3]))
BROAD = Gaussian(jnp.array([-0.3]), jnp.array([0.9]))  # squashed, it piles up at both bounds
PAIR = jax.vmap(Gaussian)(jnp.array([[-1.0], [2.0]]), jnp.array([[-0.5], [0.3]]))

# Name -> sampler of one coordinate, and the interval that holds its mass.
CONTINUOUS = {
    "gaussian": (BASE, (-6.0, 7.0)),
    "squashed": (SquashedGaussian(BASE, jnp.array([0.5]), jnp.array([2.0])), (-1.5, 2.5)),
    "squashed, at its bounds": (SquashedGaussian(BROAD, jnp.array([-1.0]), jnp.array([3.0])), (-4.0, 2.0)),
    "mixture": (MixtureSampler(PAIR, jnp.log(jnp.array([0.3, 0.7]))), (-10.0, 14.0)),
    "mixture with an empty slot": (MixtureSampler(PAIR, jnp.array([0.0, -jnp.inf])), (-6.0, 4.0)),
}
DISCRETE = {
    "categorical": Categorical(jnp.array([0.3, -1.0, 1.2, 0.0])),
    "categorical mixture": MixtureSampler(
        jax.vmap(Categorical)(jnp.array([[0.0, 1.0, -1.0, 0.2], [2.0, 0.0, 0.1, -3.0]])), jnp.array([0.5, -0.2])
    ),
}
NUM_DRAWS = 40_000
FALSE_ALARM = 1e-6


@eqx.filter_jit
def drawn_by(sampler, num_draws=NUM_DRAWS, seed=0):
    """Draws, the log density that came with them, and the log density evaluated afterwards."""
    samples = draw(sampler, jax.random.key(seed), num_draws)
    return samples.x, samples.log_q, jax.vmap(sampler.log_prob)(samples.x)


def cell_probabilities(sampler, edges, num_nodes=64):
    """Integral of exp(log_prob) over each cell, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(num_nodes)
    half = 0.5 * np.diff(edges)[:, None]
    x = jnp.asarray(half * nodes + 0.5 * (edges[1:] + edges[:-1])[:, None])
    values = jax.vmap(jax.vmap(lambda x: sampler.log_prob(x[None])))(x)
    return np.sum(half * weights * np.exp(np.asarray(values)), axis=1)


def cells_between(low, high, num_cells=40):
    """Cells that get finer toward both ends, where a squashed density is steep, and leave out the margins and the draws held there."""
    t = np.linspace(-1, 1, num_cells + 1)
    inside = 1.0 - 1.01 * MARGIN
    return 0.5 * (low + high) + 0.5 * (high - low) * inside * np.sin(0.5 * np.pi * np.sin(0.5 * np.pi * t))


def mass_at_the_margins(sampler, margin=1.01 * MARGIN):
    """What the base of a squashed sampler puts beyond the pre-image of the margin; zero for the others."""
    if not isinstance(sampler, SquashedGaussian):
        return 0.0
    ends = (np.array([-1.0, 1.0]) * np.arctanh(1.0 - margin) - np.asarray(sampler.base.mean)) / np.exp(np.asarray(sampler.base.log_scale))
    return stats.norm.cdf(ends[0]) + stats.norm.sf(ends[1])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_integrates_to_one(name):
    sampler, (low, high) = CONTINUOUS[name]
    total = cell_probabilities(sampler, cells_between(low, high)).sum()
    np.testing.assert_allclose(total, 1.0 - mass_at_the_margins(sampler), atol=1e-9)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_density(name):
    sampler, (low, high) = CONTINUOUS[name]
    x = np.asarray(drawn_by(sampler)[0])[:, 0]
    edges = cells_between(low, high)
    expected = NUM_DRAWS * cell_probabilities(sampler, edges)
    assert chi_square(np.histogram(x, edges)[0], expected) > FALSE_ALARM
    # The control: draws that are shifted by a twentieth of the interval do not follow it.
    shifted = np.histogram(x + 0.05 * (high - low), edges)[0]
    assert chi_square(shifted, expected) < FALSE_ALARM


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_draws_follow_the_density(name):
    sampler = DISCRETE[name]
    probabilities = np.exp(np.asarray(jax.vmap(sampler.log_prob)(jnp.arange(4))))
    np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=1e-14)
    counts = np.bincount(np.asarray(drawn_by(sampler)[0]), minlength=4)
    assert chi_square(counts, NUM_DRAWS * probabilities) > FALSE_ALARM
    assert chi_square(counts, NUM_DRAWS * np.roll(probabilities, 1)) < FALSE_ALARM


def chi_square(counts, expected):
    """p-value, cells with fewer than five expected draws pooled."""
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum() + NUM_DRAWS - counts.sum())
    expected = np.append(expected[~rare], max(expected[rare].sum() + NUM_DRAWS - expected.sum(), 1e-9))
    statistic = np.sum((counts - expected) ** 2 / np.maximum(expected, 1.0))
    return stats.chi2.sf(statistic, len(counts) - 1)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_log_density_of_a_draw_is_the_one_that_came_with_it(name):
    sampler = CONTINUOUS[name][0] if name in CONTINUOUS else DISCRETE[name]
    x, with_draw, afterwards = drawn_by(sampler)
    assert jnp.all(jnp.isfinite(with_draw) & jnp.isfinite(afterwards))
    if isinstance(sampler, SquashedGaussian):
        # At the margin the pre-image is lost; near it, known only as far as the action's own rounding lets it be.
        inside = jnp.abs((x[:, 0] - sampler.center) / sampler.half_width) < 1.0 - 1.01 * MARGIN
        np.testing.assert_allclose(jnp.mean(~inside), mass_at_the_margins(sampler), atol=1e-3)
        with_draw, afterwards = with_draw[inside], afterwards[inside]
    np.testing.assert_allclose(with_draw, afterwards, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_sample_is_the_draw_without_its_density(name):
    sampler = CONTINUOUS[name][0] if name in CONTINUOUS else DISCRETE[name]
    key = jax.random.key(5)
    np.testing.assert_array_equal(sampler.sample(key), sampler.sample_and_log_prob(key)[0])

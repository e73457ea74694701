"""Divergences: closed forms of Gaussians, tables against scipy, and which way round is which."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from triality.metrics.divergence import monte_carlo_kl, table_divergences
from triality.sampler import draw
from triality.samplers.gaussian import Gaussian
from triality.targets.mixtures import two_modes

P, Q = Gaussian(jnp.array([0.3]), jnp.log(jnp.array([1.0]))), Gaussian(jnp.array([-0.2]), jnp.log(jnp.array([1.6])))


def gaussian_kl(p, q):
    ratio = float(jnp.exp(p.log_scale - q.log_scale)[0])
    shift = float((p.mean - q.mean)[0] * jnp.exp(-q.log_scale)[0])
    return 0.5 * (ratio**2 + shift**2 - 1.0) - np.log(ratio)


def by_samples(own, other, n=20_000):
    x, log_own, _ = draw(own, jax.random.key(0), n)
    return monte_carlo_kl(log_own, jax.vmap(other.log_prob)(x))


def test_both_ways_against_closed_forms():
    for own, other in ((P, Q), (Q, P)):
        result = by_samples(own, other)
        assert abs(float(result.value) - gaussian_kl(own, other)) < 5 * float(result.stderr)
        assert abs(float(result.value) - gaussian_kl(other, own)) > 20 * float(result.stderr)  # the wrong way round is seen


def test_a_dropped_mode_costs_log_two_in_reverse_and_far_more_forward():
    target = two_modes(14.0)
    one = Gaussian(jnp.array([7.0]), jnp.zeros(1))
    reverse, forward = by_samples(one, target), by_samples(target, one)
    np.testing.assert_allclose(reverse.value, np.log(2.0), atol=1e-6)
    assert float(forward.value) > 40.0


def test_impossible_samples():
    result = monte_carlo_kl(jnp.array([-1.0, -2.0]), jnp.array([-1.0, -jnp.inf]))
    assert float(result.value) == np.inf
    assert np.isnan(result.stderr)


def test_tables_are_scipys():
    generator = np.random.default_rng(0)
    p, q = generator.dirichlet(np.ones(7)), generator.dirichlet(np.ones(7))
    result = jax.jit(table_divergences)(jnp.log(p), jnp.log(q) + 3.0)  # normalized first
    np.testing.assert_allclose(result.forward, rel_entr(p, q).sum(), rtol=1e-12)
    np.testing.assert_allclose(result.reverse, rel_entr(q, p).sum(), rtol=1e-12)
    np.testing.assert_allclose(result.jensen_shannon, jensenshannon(p, q) ** 2, rtol=1e-10)
    np.testing.assert_allclose(result.total_variation, 0.5 * np.abs(p - q).sum(), rtol=1e-12)


def test_tables_with_empty_states():
    zero = -jnp.inf
    result = table_divergences(jnp.array([0.0, zero, zero]), jnp.log(jnp.array([0.5, 0.5, 0.0])))
    np.testing.assert_allclose(result.forward, np.log(2.0), rtol=1e-12)
    assert float(result.reverse) == np.inf
    np.testing.assert_allclose(result.total_variation, 0.5)
    assert float(table_divergences(jnp.array([0.0, zero]), jnp.array([zero, 0.0])).jensen_shannon) == np.log(2.0)

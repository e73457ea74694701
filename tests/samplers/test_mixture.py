"""The mixture against scipy, with empty slots, as a ring buffer, and as the fused density of footnote 3."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from triality.partition.fusion import fused_log_density
from triality.samplers.categorical import Categorical
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler, put, stack

MEANS, LOG_SCALES = jnp.array([[-1.0], [2.0], [0.5]]), jnp.array([[-0.5], [0.3], [0.0]])
LOG_WEIGHT = jnp.log(jnp.array([1.0, 2.0, 5.0]))
MIXTURE = MixtureSampler(jax.vmap(Gaussian)(MEANS, LOG_SCALES), LOG_WEIGHT)
X = jnp.array([[-3.0], [0.0], [2.2], [50.0]])


def test_log_prob_against_scipy():
    densities = stats.norm.pdf(X[:3], MEANS[:, 0], np.exp(LOG_SCALES[:, 0])) @ np.array([1.0, 2.0, 5.0]) / 8
    np.testing.assert_allclose(jax.vmap(MIXTURE.log_prob)(X)[:3], np.log(densities), rtol=1e-13)
    assert jnp.isfinite(MIXTURE.log_prob(X[3]))  # where every density underflows


def test_weights_need_not_be_normalized():
    shifted = MixtureSampler(MIXTURE.components, LOG_WEIGHT + 11.0)
    np.testing.assert_allclose(shifted.log_prob(X[0]), MIXTURE.log_prob(X[0]), rtol=1e-13)


def test_log_prob_is_the_fused_density():
    matrix = jax.vmap(MIXTURE.component_log_probs)(X).T
    np.testing.assert_allclose(fused_log_density(matrix, LOG_WEIGHT), jax.vmap(MIXTURE.log_prob)(X), rtol=1e-14)


def test_equal_components_are_one_sampler():
    one = Gaussian(MEANS[0], LOG_SCALES[0])
    np.testing.assert_allclose(MixtureSampler(stack(one, 4), jnp.arange(4.0)).log_prob(X[0]), one.log_prob(X[0]), rtol=1e-14)


def test_an_empty_slot_counts_nothing_whatever_stands_in_it():
    broken = put(MIXTURE.components, jnp.array(1), Gaussian(jnp.full(1, jnp.nan), jnp.zeros(1)))
    with_hole = MixtureSampler(broken, LOG_WEIGHT.at[1].set(-jnp.inf))
    keep = jnp.array([0, 2])
    without = MixtureSampler(jax.vmap(Gaussian)(MEANS[keep], LOG_SCALES[keep]), LOG_WEIGHT[keep])
    np.testing.assert_allclose(with_hole.log_prob(X[1]), without.log_prob(X[1]), rtol=1e-14)
    assert jnp.isneginf(with_hole.component_log_probs(X[1])[1])
    draws = jax.vmap(with_hole.sample)(jax.random.split(jax.random.key(0), 500))
    assert jnp.all(jnp.isfinite(draws))


def test_replace_overwrites_one_slot_only():
    new = Gaussian(jnp.array([9.0]), jnp.array([0.1]))
    replaced = MIXTURE.replace(jnp.array(2), new, jnp.log(7.0))
    np.testing.assert_array_equal(replaced.component(2).mean, [9.0])
    np.testing.assert_array_equal(replaced.component(0).mean, MEANS[0])
    np.testing.assert_allclose(jnp.exp(replaced.log_weight), [1.0, 2.0, 7.0], rtol=1e-14)
    np.testing.assert_array_equal(MIXTURE.component(2).mean, MEANS[2])


def test_lives_in_scan_as_a_ring_buffer():
    def step(mixture, t):
        return mixture.replace(t % 3, Gaussian(t[None] + 0.0, jnp.zeros(1)), jnp.zeros(())), mixture.log_prob(jnp.zeros(1))

    last, densities = jax.jit(lambda mixture: jax.lax.scan(step, mixture, jnp.arange(5)))(MIXTURE)
    np.testing.assert_array_equal(last.components.mean[:, 0], [3.0, 4.0, 2.0])
    assert densities.shape == (5,)


def test_gradient_of_log_prob_is_the_responsibilities():
    """d log m / d log w_k (unnormalized) = responsibility minus share."""
    gradient = jax.grad(lambda log_weight: MixtureSampler(MIXTURE.components, log_weight).log_prob(X[1]))(LOG_WEIGHT)
    joint = jax.nn.log_softmax(LOG_WEIGHT) + MIXTURE.component_log_probs(X[1])
    np.testing.assert_allclose(gradient, jax.nn.softmax(joint) - jax.nn.softmax(LOG_WEIGHT), rtol=1e-12)


def test_categorical_against_numpy_and_its_mode():
    q = Categorical(jnp.array([0.3, -1.0, 1.2]))
    probabilities = np.exp([0.3, -1.0, 1.2]) / np.exp([0.3, -1.0, 1.2]).sum()
    np.testing.assert_allclose(jax.vmap(q.log_prob)(jnp.arange(3)), np.log(probabilities), rtol=1e-14)
    assert q.mode == 2


def test_categorical_gives_no_density_to_what_it_cannot_draw():
    q = Categorical(jnp.array([0.3, -1.0, 1.2]))
    assert jnp.isneginf(q.log_prob(jnp.array(3)))
    assert jnp.isneginf(q.log_prob(jnp.array(-1)))

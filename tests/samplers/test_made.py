"""MADE and independent Bernoulli: everything that can be enumerated is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.errors import ConfigError
from triality.partition.exact import binary_vectors
from triality.sampler import draw
from triality.samplers.autoregressive.made import Made, made
from triality.samplers.autoregressive.made_over_orders import made_over_orders
from triality.samplers.autoregressive.masked_levels import MaskedLevels
from triality.samplers.autoregressive.masked_perceptron import MaskedPerceptron, masks_of
from triality.samplers.bernoulli import Bernoulli, fit_bernoulli

DIM = 5
NUM_DRAWS = 20_000


def shaken(sampler, seed=0):
    """Parameters away from where they begin, so that no law holds for a trivial reason."""
    leaves, structure = jax.tree.flatten(eqx.filter(sampler, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + 0.7 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), sampler)


def all_vectors(num_levels):
    axes = np.meshgrid(*[np.arange(num_levels)] * DIM, indexing="ij")
    return jnp.asarray(np.stack(axes, axis=-1).reshape(-1, DIM))


# Name -> sampler, number of levels.
CASES = {
    "bernoulli": (shaken(Bernoulli(jnp.zeros(DIM))), 2),
    "made": (shaken(made(jax.random.key(1), DIM, (16, 12))), 2),
    "made, three levels": (shaken(made(jax.random.key(2), DIM, (24,), num_levels=3)), 3),
    "made, fewer units than coordinates": (shaken(made(jax.random.key(3), DIM, (3, 2))), 2),
    "made over orders": (shaken(made_over_orders(jax.random.key(4), DIM, (7, 9), 3)), 2),
    "made over orders, three levels": (shaken(made_over_orders(jax.random.key(5), DIM, (10,), 2, 3)), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_probabilities_sum_to_one(name):
    sampler, num_levels = CASES[name]
    log_probs = jax.jit(jax.vmap(sampler.log_prob))(all_vectors(num_levels))
    np.testing.assert_allclose(jax.nn.logsumexp(log_probs), 0.0, atol=1e-12)
    assert float(jnp.std(log_probs)) > 0.5  # the law is not uniform


@pytest.mark.parametrize("name", CASES)
def test_draws_follow_the_probabilities(name):
    sampler, num_levels = CASES[name]
    drawn = jax.jit(lambda key: draw(sampler, key, NUM_DRAWS))(jax.random.key(3))
    np.testing.assert_allclose(drawn.log_q, jax.jit(jax.vmap(sampler.log_prob))(drawn.x), atol=1e-12)
    number = np.asarray(drawn.x) @ num_levels ** np.arange(DIM - 1, -1, -1)
    counts = np.bincount(number, minlength=num_levels**DIM)
    expected = NUM_DRAWS * np.exp(np.asarray(jax.vmap(sampler.log_prob)(all_vectors(num_levels))))

    def p_value(counts):
        rare = expected < 5
        observed, wanted = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())
        keep = wanted > 0
        return stats.chi2.sf(np.sum((observed[keep] - wanted[keep]) ** 2 / wanted[keep]), keep.sum() - 1)

    assert p_value(counts) > 1e-6
    assert p_value(np.roll(counts, 1)) < 1e-6


@pytest.mark.parametrize("name", ["made", "made, three levels"])
def test_a_coordinate_sees_only_those_before_it(name):
    sampler, num_levels = CASES[name]
    x = jnp.array([0, 1, 1, 0, 1])
    before = sampler.logits(x)
    for j in range(DIM):
        after = sampler.logits(x.at[j].set((x[j] + 1) % num_levels))
        np.testing.assert_array_equal(before[: j + 1], after[: j + 1])
        assert j == DIM - 1 or bool(jnp.any(before[j + 1 :] != after[j + 1 :]))


def test_a_mask_that_lets_a_coordinate_see_itself_is_no_density():
    """The broken twin: <= instead of < at the output."""
    sampler = CASES["made"][0]

    class Peeking(MaskedPerceptron):
        def __call__(self, inputs, ranks):
            masks, _ = masks_of([len(bias) for bias in self.biases[:-1]], ranks, 1, 2)
            hidden = inputs.reshape(-1)
            for weight, bias, mask in zip(self.weights[:-1], self.biases, masks, strict=False):
                hidden = jax.nn.silu(hidden @ (weight * mask) + bias)
            degrees = 1 + np.arange(hidden.shape[0]) % (self.dim - 1)
            mask = (degrees[:, None] <= np.repeat(ranks, 2)[None]).astype(float)
            return (hidden @ (self.weights[-1] * mask) + self.biases[-1]).reshape(self.dim, 2)

    net = sampler.conditionals.net
    twin = Made(MaskedLevels(Peeking(net.weights, net.biases, net.skip, net.dim)))
    total = jax.nn.logsumexp(jax.vmap(twin.log_prob)(binary_vectors(DIM)))
    assert abs(float(total)) > 1e-2


@pytest.mark.parametrize("name", CASES)
def test_gradients_reach_what_can_be_learned(name):
    sampler, num_levels = CASES[name]
    x = all_vectors(num_levels)[:: num_levels**2]
    gradient = eqx.filter_jit(eqx.filter_grad(lambda q: jnp.sum(jax.vmap(q.log_prob)(x) * jnp.arange(x.shape[0]))))(sampler)
    for leaf in jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array)):
        assert bool(jnp.any(leaf != 0))


@pytest.mark.parametrize("name", CASES)
def test_values_that_do_not_exist_have_no_probability(name):
    sampler, num_levels = CASES[name]
    for bad in (-1, num_levels):
        assert float(sampler.log_prob(jnp.zeros(DIM, int).at[2].set(bad))) == -np.inf


def test_it_begins_at_the_marginals():
    marginals = jnp.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    q = made(jax.random.key(0), 3, (8,), marginals=marginals)
    for x in binary_vectors(3):
        np.testing.assert_allclose(q.log_prob(x), jnp.sum(jnp.log(marginals[jnp.arange(3), x])), rtol=1e-12)


def test_frequencies_with_weights():
    x = jnp.array([[1, 0], [0, 0], [1, 1]])
    fitted = fit_bernoulli(x, jnp.log(jnp.array([2.0, 1.0, 1.0])))
    # Weights 3/2, 3/4, 3/4: ones 2.25 and 0.75 of 3, one observation of each value added.
    np.testing.assert_allclose(jax.nn.sigmoid(fitted.logits), [3.25 / 5.0, 1.75 / 5.0], rtol=1e-12)


def test_nothing_to_model_is_refused():
    with pytest.raises(ConfigError, match="expected at least one coordinate of two levels, got dim = 0"):
        made(jax.random.key(0), 0)

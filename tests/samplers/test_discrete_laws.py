"""Laws of generators of integers, their parameters away from where they begin: everything that can be enumerated is."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.sampler import AbstractSampler, draw
from triality.samplers.autoregressive.causal_convolution import causal_convolution
from triality.samplers.autoregressive.heads import discretized_logistic_head
from triality.samplers.autoregressive.made import made
from triality.samplers.autoregressive.masked_convolution import MaskedKernel, masked_convolution
from triality.samplers.autoregressive.nade import nade
from triality.samplers.bernoulli import Bernoulli
from triality.samplers.mixture import MixtureSampler
from triality.samplers.tokens.token_sampler import gru, lstm, transformer

NUM_DRAWS = 20_000
FALSE_ALARM = 1e-6


def shaken(sampler, size=0.7, seed=0):
    """Parameters away from where they begin, so that no law holds for a trivial reason."""
    leaves, structure = jax.tree.flatten(eqx.filter(sampler, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + size * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), sampler)


class Case(NamedTuple):
    """A sampler, the shape of a sample and the number of values of each of its entries."""

    sampler: AbstractSampler
    shape: tuple[int, ...]
    num_levels: int


LOGISTIC = discretized_logistic_head(6, 3, 2)
CASES = {
    "bernoulli": Case(shaken(Bernoulli(jnp.zeros(6))), (6,), 2),
    "made": Case(shaken(made(jax.random.key(1), 7, (16, 12))), (7,), 2),
    "made, three levels": Case(shaken(made(jax.random.key(2), 5, (24,), num_levels=3)), (5,), 3),
    "nade": Case(shaken(nade(jax.random.key(3), 8, hidden=5)), (8,), 2),
    "masked convolution": Case(shaken(masked_convolution(jax.random.key(5), (3, 4), 2, 4, 2, 3), 0.5), (3, 4), 2),
    "masked convolution, three levels": Case(shaken(masked_convolution(jax.random.key(6), (2, 3), 3, 4, 1, 5), 0.5), (2, 3), 3),
    "causal convolution": Case(shaken(causal_convolution(jax.random.key(7), 7, 2, 6, 2, 3)), (7,), 2),
    "causal convolution of logistics": Case(shaken(causal_convolution(jax.random.key(8), 5, 3, 6, 2, head=LOGISTIC)), (5,), 3),
    "gated recurrent unit": Case(shaken(gru(jax.random.key(9), 6, 3, hidden=5, inputs=4)), (6,), 3),
    "long short-term memory": Case(shaken(lstm(jax.random.key(11), 6, 3, hidden=5, inputs=4)), (6,), 3),
    "transformer": Case(shaken(transformer(jax.random.key(12), 6, 3, features=6, num_blocks=2, num_heads=2), 0.4), (6,), 3),
}
AUTOREGRESSIVE = [name for name in CASES if name != "bernoulli"]


def everything(case):
    """All inputs, the last entry fastest."""
    axes = np.meshgrid(*[np.arange(case.num_levels)] * int(np.prod(case.shape)), indexing="ij")
    return jnp.asarray(np.stack(axes, axis=-1).reshape(-1, *case.shape))


log_probs_of = eqx.filter_jit(lambda sampler, x: jax.vmap(sampler.log_prob)(x))
drawn_by = eqx.filter_jit(lambda sampler, num_draws: draw(sampler, jax.random.key(4), num_draws))


@pytest.mark.parametrize("name", CASES)
def test_probabilities_sum_to_one(name):
    log_probs = log_probs_of(CASES[name].sampler, everything(CASES[name]))
    np.testing.assert_allclose(jax.nn.logsumexp(log_probs), 0.0, atol=1e-10)
    assert float(jnp.std(log_probs)) > 0.3  # the law is not uniform


@pytest.mark.parametrize("name", CASES)
def test_draws_follow_the_probabilities(name):
    """Chi-square against the exact probabilities; counts of the neighboring inputs do not fit."""
    case = CASES[name]
    x = np.asarray(drawn_by(case.sampler, NUM_DRAWS).x)
    assert x.dtype == np.int32
    assert x.shape == (NUM_DRAWS, *case.shape)
    counts = np.bincount(np.ravel_multi_index(x.reshape(NUM_DRAWS, -1).T, (case.num_levels,) * int(np.prod(case.shape))))
    expected = NUM_DRAWS * np.exp(np.asarray(log_probs_of(case.sampler, everything(case))))
    counts = np.append(counts, np.zeros(len(expected) - len(counts)))
    assert chi_square(counts, expected) > FALSE_ALARM
    assert chi_square(np.roll(counts, 1), expected) < FALSE_ALARM


def chi_square(counts, expected):
    """p-value, inputs with fewer than five expected draws pooled."""
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], max(expected[rare].sum(), 1e-9))
    return stats.chi2.sf(np.sum((counts - expected) ** 2 / expected), len(counts) - 1)


@pytest.mark.parametrize("name", CASES)
def test_log_density_of_a_draw_is_the_one_that_came_with_it(name):
    drawn = drawn_by(CASES[name].sampler, NUM_DRAWS)
    np.testing.assert_allclose(drawn.log_q, log_probs_of(CASES[name].sampler, drawn.x), rtol=0, atol=1e-10)


def outputs(sampler, x):
    """What the conditionals are made of: one row an entry of the sample, in the order of generation."""
    return sampler.logits(x).reshape(x.size, -1)


@eqx.filter_jit
def dependence(sampler, x, num_levels, outputs=outputs):
    """Entry (j, i): whether the conditional of entry i moves when entry j does, for any of the values of entry j."""
    flat = x.reshape(-1)
    steps = jnp.arange(1, num_levels)[:, None, None] * jnp.eye(x.size, dtype=x.dtype)
    both = jnp.stack([(flat + steps) % num_levels, jnp.broadcast_to(flat, (num_levels - 1, *steps.shape[1:]))])
    moved, still = jax.vmap(jax.vmap(jax.vmap(lambda y: outputs(sampler, y.reshape(x.shape)))))(both)
    return jnp.any(jnp.abs(moved - still) > 1e-12, axis=(0, 3))


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_an_entry_sees_only_those_before_it(name):
    """What is masked changes nothing but rounding. Each entry sees the one before it; in an image, the one to its left."""
    case = CASES[name]
    x = drawn_by(case.sampler, 10).x[0]
    seen = np.asarray(dependence(case.sampler, x, case.num_levels))
    assert not np.any(np.tril(seen))
    begins_row = np.arange(1, x.size) % case.shape[-1] == 0
    assert np.all(np.diagonal(seen, offset=1) | (begins_row if len(case.shape) == 2 else False))
    # The twin: every conditional one entry too late, so that it has seen what it predicts.
    late = dependence(case.sampler, x, case.num_levels, lambda q, y: jnp.roll(outputs(q, y), -1, axis=0))
    assert np.any(np.tril(late))


@pytest.mark.parametrize("name", CASES)
def test_gradients_reach_what_can_be_learned(name):
    case = CASES[name]
    x = drawn_by(case.sampler, 50).x
    weight = jnp.sin(jnp.arange(50.0))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda q: weight @ jax.vmap(q.log_prob)(x)))(case.sampler)
    for leaf in jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array)):
        assert jnp.all(jnp.isfinite(leaf))
        assert jnp.any(leaf != 0)


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_is_an_array_and_every_array_a_parameter(name):
    leaves = jax.tree.leaves(CASES[name].sampler)
    assert all(eqx.is_inexact_array(leaf) for leaf in leaves)


@pytest.mark.parametrize("name", CASES)
def test_compiled_and_not_agree(name):
    case = CASES[name]
    key = jax.random.key(6)
    compiled, plain = eqx.filter_jit(lambda q: q.sample_and_log_prob(key))(case.sampler), case.sampler.sample_and_log_prob(key)
    np.testing.assert_array_equal(compiled[0], plain[0])
    np.testing.assert_allclose(compiled[1], plain[1], rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_single_and_double_precision_agree(name):
    case = CASES[name]
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), case.sampler)
    x = drawn_by(case.sampler, 50).x
    log_probs = log_probs_of(single, x)
    assert log_probs.dtype == jnp.float32
    np.testing.assert_allclose(log_probs, log_probs_of(case.sampler, x), atol=1e-4)
    drawn = drawn_by(single, 50)
    assert drawn.log_q.dtype == jnp.float32
    np.testing.assert_allclose(drawn.log_q, log_probs_of(case.sampler, drawn.x), atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_values_that_do_not_exist_have_no_probability(name):
    case = CASES[name]
    x = jnp.zeros(int(np.prod(case.shape)), int)
    for bad in (-1, case.num_levels):
        for place in {0, len(x) // 2, len(x) - 1}:
            assert float(case.sampler.log_prob(x.at[place].set(bad).reshape(case.shape))) == -np.inf


@pytest.mark.parametrize("name", CASES)
def test_generators_can_be_stacked(name):
    """A mixture of two of them is one sampler, as the fusion of past samplers needs it."""
    case = CASES[name]
    pair = (case.sampler, shaken(case.sampler, seed=1))
    mixture = MixtureSampler(jax.tree.map(lambda *leaves: jnp.stack(leaves), *pair), jnp.log(jnp.array([0.3, 0.7])))
    drawn = drawn_by(mixture, 20)
    each = jnp.stack([log_probs_of(q, drawn.x) for q in pair])
    np.testing.assert_allclose(drawn.log_q, jax.nn.logsumexp(each + mixture.log_weight[:, None], axis=0), rtol=1e-10)


def test_a_first_layer_that_sees_its_own_pixel_is_no_density():
    """The broken twin of the masks: type B where type A belongs."""
    case = CASES["masked convolution"]
    twin = eqx.tree_at(lambda q: q.first, case.sampler, MaskedKernel(case.sampler.first.weight, case.sampler.first.bias, "B"))
    assert np.any(np.tril(dependence(twin, jnp.zeros(case.shape, int), 2)))
    assert abs(float(jax.nn.logsumexp(log_probs_of(twin, everything(case))))) > 1e-2


@pytest.mark.parametrize("name", ["causal convolution", "causal convolution of logistics", "gated recurrent unit"])
def test_a_signal_that_sees_its_own_value_is_no_density(name):
    """The broken twin of the shift by one: what came before is replaced by what is to be predicted."""
    case = CASES[name]

    def log_prob(x):
        ahead = jnp.concatenate([x[1:], jnp.zeros(1, x.dtype)])  # the shift then hands each entry its own value
        return jnp.sum(jax.vmap(lambda logits, value: jax.nn.log_softmax(logits)[value])(case.sampler.logits(ahead), x))

    assert abs(float(jax.nn.logsumexp(jax.jit(jax.vmap(log_prob))(everything(case))))) > 1e-2


def test_the_reach_doubles_with_every_block():
    """1 + (k - 1)(2^blocks - 1) values before, each of them seen and none further back; rings as long as that say the same."""
    num_blocks, kernel_size, length = 3, 3, 20
    q = shaken(causal_convolution(jax.random.key(10), length, 2, 4, num_blocks, kernel_size))
    drawn = drawn_by(q, 5)
    seen = np.asarray(dependence(q, drawn.x[0], 2))[:, -1]
    reach = 1 + (kernel_size - 1) * (2**num_blocks - 1)
    np.testing.assert_array_equal(seen, (np.arange(length) >= length - 1 - reach) & (np.arange(length) < length - 1))
    np.testing.assert_allclose(drawn.log_q, log_probs_of(q, drawn.x), rtol=1e-10)

"""Every gradient of a generator of tokens against the exact one, over all strings or all pairs of them; and the order of their noise."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.samplers.tokens.spaces import END, GENERATORS, LENGTH, VOCABULARY, every_string, shaken
from triality.energies.sequence import convolutional_sequence_energy, token_energy
from triality.energy import Constant, UnnormalizedDensity
from triality.sampler import Samples
from triality.updates.sampler.all_tokens import AllTokens, control_variate
from triality.updates.sampler.gumbel import GumbelSoftmax
from triality.updates.sampler.score_function import ScoreFunction
from triality.updates.sampler.token_score import EnergyOf, MinusRealness, RolloutReturn, TokenReturn, TokenScore, WholeReturn

STRINGS = every_string()
WHOLE = shaken(
    convolutional_sequence_energy(jax.random.key(7), VOCABULARY, LENGTH, inputs=3, widths=(1, 2), num_filters=4, hidden=5, end=END)
)
BY_TOKEN = shaken(token_energy(jax.random.key(8), VOCABULARY, inputs=3, hidden=4, end=END), 1.0)
NONE = Samples.unweighted(jnp.zeros((1, LENGTH), int), jnp.zeros(1))
NUM_REPEATS, NUM_DRAWS, ENERGY_OF = 1000, 5, EnergyOf()
"""Not four draws: for exactly four, in float64, of a memory of exactly five units XLA's CPU compiler makes a wrong program
(``contributing`` in the documentation); at the sizes that are in use it makes none (``tests/samplers/tokens/test_compiled.py``)."""


def density_of(energy):
    return UnnormalizedDensity(energy, Constant(jnp.array(0.7)))


@eqx.filter_jit
def exact_gradient(q, density, terminal=ENERGY_OF, temperature=1.0):
    def value(q):
        log_q = jax.vmap(q.log_prob)(STRINGS)
        cost = jax.vmap(lambda x: terminal(density, x))(STRINGS)
        return jnp.sum(jnp.exp(log_q) * (cost + temperature * log_q))

    return eqx.filter_grad(value)(q)


@eqx.filter_jit
def mean_over_pairs(gradient, q, density):
    """The exact expectation of a gradient of two draws: each pair of strings by its probability."""
    log_q = jax.vmap(q.log_prob)(STRINGS)
    first, second = (index.reshape(-1) for index in jnp.meshgrid(jnp.arange(len(STRINGS)), jnp.arange(len(STRINGS))))

    def of_pair(i, j):
        return eqx.filter_grad(lambda q: gradient.of_draws(jax.random.key(0), q, density, STRINGS[jnp.array([i, j])]))(q)

    each = jax.lax.map(lambda pair: of_pair(*pair), (first, second), batch_size=64)
    weight = jnp.exp(log_q[first] + log_q[second])
    return jax.tree.map(lambda leaf: jnp.tensordot(weight, leaf, 1), each)


def assert_close(found, wanted, atol):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def distance(found, wanted):
    return max(float(jnp.max(jnp.abs(one - other))) for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True))


@eqx.filter_jit
def values_ahead(q, density, temperature, x):
    """Q(x_{<t}, v) of every token at every place: the mean cost of the strings that begin so, and their log q after v."""
    log_q = jax.vmap(q.token_log_probs)(STRINGS)
    cost = jax.vmap(density.energy)(STRINGS)

    def of(place, token):
        begins = jnp.all((x == STRINGS) | (jnp.arange(LENGTH) >= place), axis=-1) & (STRINGS[:, place] == token)
        after = jnp.sum(jnp.where(jnp.arange(LENGTH) > place, log_q, 0.0), axis=-1)
        weight = jnp.where(begins, jnp.exp(after), 0.0)
        return jnp.sum(weight * (cost + temperature * after))

    return jax.vmap(lambda place: jax.vmap(lambda token: of(place, token))(jnp.arange(VOCABULARY)))(jnp.arange(LENGTH))


def wrong_critic(x):
    return jnp.sin(jnp.arange(LENGTH)[:, None] + 2.0 * jnp.arange(VOCABULARY) + jnp.cumsum(x)[:, None] - x[:, None])


@pytest.mark.parametrize(
    ("name", "temperature"), [("gru", 1.0), *(pytest.param(*each, marks=pytest.mark.slow) for each in (("gru", 0.0), ("transformer", 1.0)))]
)
def test_scores_are_unbiased(name, temperature):
    """All pairs of strings, so that nothing is left to chance."""
    q, density = GENERATORS[name], density_of(BY_TOKEN)
    exact = exact_gradient(q, density, temperature=temperature)
    for credit in (WholeReturn(), TokenReturn()):
        assert_close(mean_over_pairs(TokenScore(credit, temperature=temperature), q, density), exact, 1e-10)
    # The twin: the other temperature's.
    assert distance(mean_over_pairs(TokenScore(temperature=temperature), q, density), exact_gradient(q, density, temperature=0.5)) > 1e-3


def test_an_energy_of_whole_sequences_and_a_reward():
    q, density = GENERATORS["lstm"], density_of(WHOLE)
    assert_close(mean_over_pairs(TokenScore(), q, density), exact_gradient(q, density), 1e-10)
    seqgan = TokenScore(WholeReturn(), MinusRealness(), 0.0)
    assert_close(mean_over_pairs(seqgan, q, density), exact_gradient(q, density, MinusRealness(), 0.0), 1e-10)


@pytest.mark.parametrize("temperature", [1.0, pytest.param(0.0, marks=pytest.mark.slow)])
def test_an_exact_critic_makes_actor_critic_exact_and_a_wrong_one_only_adds_noise(temperature):
    q, density = GENERATORS["gru"], density_of(WHOLE)
    exact = exact_gradient(q, density, temperature=temperature)
    critic = partial(values_ahead, q, density, temperature)
    assert_close(mean_over_pairs(AllTokens(critic, temperature=temperature), q, density), exact, 1e-10)
    assert_close(mean_over_pairs(control_variate(wrong_critic, temperature), q, density), exact, 1e-10)
    # The control: without the correction a wrong critic gives a wrong gradient.
    assert distance(mean_over_pairs(AllTokens(wrong_critic, temperature=temperature), q, density), exact) > 1e-2


@eqx.filter_jit
def repeated(gradient, q, density, num_repeats=NUM_REPEATS):
    keys = jax.random.split(jax.random.key(1), num_repeats)
    return jax.lax.map(lambda key: eqx.filter_grad(lambda q: gradient(key, q, density, NONE))(q), keys, batch_size=50)


def z_scores(found, exact):
    for many, one in zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True):
        stderr = jnp.std(many, axis=0, ddof=1) / np.sqrt(len(many))
        yield jnp.max(jnp.abs(jnp.mean(many, axis=0) - one) / jnp.maximum(stderr, 1e-9))


def total_variance(found):
    return sum(float(jnp.sum(jnp.var(many, axis=0))) for many in jax.tree.leaves(found))


@pytest.mark.parametrize("temperature", [1.0, pytest.param(0.0, marks=pytest.mark.slow)])
def test_rollouts_are_unbiased(temperature):
    q, density = GENERATORS["gru"], density_of(WHOLE)
    found = repeated(TokenScore(RolloutReturn(2), temperature=temperature, num_samples=NUM_DRAWS), q, density)
    exact = exact_gradient(q, density, temperature=temperature)
    assert max(z_scores(found, exact)) < 5.5
    assert max(z_scores(found, exact_gradient(q, density, temperature=temperature + 1.0))) > 8


def test_drawn_gradients_agree_with_the_exact_one():
    """``__call__``, which draws for itself."""
    q, density = GENERATORS["gru"], density_of(BY_TOKEN)
    exact = exact_gradient(q, density)
    critic = partial(values_ahead, q, density, 1.0)
    for gradient in (TokenScore(num_samples=NUM_DRAWS), AllTokens(critic, num_samples=NUM_DRAWS)):
        assert max(z_scores(repeated(gradient, q, density), exact)) < 5.5


@pytest.mark.slow
def test_the_order_of_the_noise():
    """The whole sequence's signal for every token, one to go, roll-outs, the critic without the token's own noise."""
    q, density = GENERATORS["gru"], density_of(BY_TOKEN)
    critic = partial(values_ahead, q, density, 1.0)
    noise = {
        "one signal for the sequence": total_variance(repeated(ScoreFunction(NUM_DRAWS), q, density)),
        "a return a token": total_variance(repeated(TokenScore(TokenReturn(), num_samples=NUM_DRAWS), q, density)),
        "sixteen roll-outs": total_variance(repeated(TokenScore(RolloutReturn(16), num_samples=NUM_DRAWS), q, density, 300)),
        "an exact control variate": total_variance(repeated(control_variate(critic, num_samples=NUM_DRAWS), q, density)),
        "an exact critic": total_variance(repeated(AllTokens(critic, num_samples=NUM_DRAWS), q, density)),
    }
    assert noise["a return a token"] < noise["one signal for the sequence"]
    assert noise["sixteen roll-outs"] < noise["a return a token"]
    assert noise["an exact critic"] < noise["an exact control variate"] < noise["a return a token"]
    assert noise["an exact critic"] < noise["sixteen roll-outs"]


def test_relaxed_gradients_point_the_right_way_and_are_biased():
    """The cosine with the exact gradient; with the score of the same draws there is no bias to see."""
    q, density = GENERATORS["gru"], density_of(WHOLE)
    exact = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(exact_gradient(q, density))])
    for straight in (True, False):
        found = repeated(GumbelSoftmax(0.5, straight_through=straight, num_samples=NUM_DRAWS), q, density, 500)
        mean = jnp.concatenate([jnp.mean(leaf, axis=0).ravel() for leaf in jax.tree.leaves(found)])
        assert float(mean @ exact / (jnp.linalg.norm(mean) * jnp.linalg.norm(exact))) > 0.5
        assert max(z_scores(found, exact_gradient(q, density))) > 8


def test_no_gradient_reaches_the_density():
    def scalar(scale):
        density = density_of(lambda x: scale * jnp.sum(x))
        return TokenScore(num_samples=NUM_DRAWS)(jax.random.key(0), GENERATORS["gru"], density, NONE)

    assert float(jax.grad(scalar)(jnp.array(0.7))) == 0.0

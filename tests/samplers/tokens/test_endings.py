"""Sequences that end: one array a string, probabilities that sum to one, and draws that follow them."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.samplers.tokens.spaces import END, GENERATORS, LENGTH, VOCABULARY, every_array, every_string, log_probs_of
from triality.errors import ConfigError
from triality.sampler import draw
from triality.samplers.autoregressive.heads import categorical_head
from triality.samplers.tokens.ending import num_real, real_places
from triality.samplers.tokens.tempered import tempered
from triality.samplers.tokens.token_sampler import gru, lstm, transformer

NUM_DRAWS, FALSE_ALARM = 20_000, 1e-6


@pytest.mark.parametrize("name", GENERATORS)
def test_probabilities_of_all_strings_sum_to_one(name):
    q = GENERATORS[name]
    strings, arrays = log_probs_of(q, every_string()), log_probs_of(q, every_array())
    np.testing.assert_allclose(jax.nn.logsumexp(strings), 0.0, atol=1e-10)
    np.testing.assert_allclose(jax.nn.logsumexp(arrays), 0.0, atol=1e-10)  # what is no string has probability zero
    assert len(strings) == 1 + 2 * (1 + 2 * (1 + 2 * VOCABULARY)) < len(arrays)
    # The twin: a density that goes on after the end counts a string more than once.
    forgetful = replace(q, end=None)
    assert abs(float(jax.nn.logsumexp(log_probs_of(forgetful, every_string())))) > 1e-2


@pytest.mark.parametrize("name", GENERATORS)
def test_draws_follow_the_probabilities(name):
    q = GENERATORS[name]
    x, log_q, _ = eqx.filter_jit(lambda q: draw(q, jax.random.key(4), NUM_DRAWS))(q)
    np.testing.assert_allclose(log_q, log_probs_of(q, x), atol=1e-10)
    places = (VOCABULARY,) * LENGTH
    counts = np.bincount(np.ravel_multi_index(np.asarray(x).T, places), minlength=VOCABULARY**LENGTH)
    law = np.exp(np.asarray(log_probs_of(q, every_array())))
    assert counts[law == 0].sum() == 0
    kept = NUM_DRAWS * law > 5
    observed, expected = np.append(counts[kept], counts[~kept].sum()), NUM_DRAWS * np.append(law[kept], max(law[~kept].sum(), 1e-12))
    assert stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), kept.sum()) > FALSE_ALARM


@pytest.mark.parametrize("name", GENERATORS)
def test_log_probabilities_of_tokens_are_those_of_the_decisions(name):
    """Zero after the end, and their sum is the sequence's."""
    q, x = GENERATORS[name], every_string()
    each = jax.vmap(q.token_log_probs)(x)
    real = jax.vmap(lambda x: real_places(x, END))(x)
    assert np.all(np.asarray(each)[~np.asarray(real)] == 0.0)
    np.testing.assert_allclose(jnp.sum(each, axis=-1), log_probs_of(q, x), rtol=1e-12)
    np.testing.assert_array_equal(jax.vmap(lambda x: num_real(x, END))(x), np.sum(real, axis=-1))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_temperature_sharpens_every_conditional(name):
    q, x = GENERATORS[name], every_string()
    cold = tempered(q, 0.5)
    np.testing.assert_allclose(jax.nn.logsumexp(log_probs_of(cold, x)), 0.0, atol=1e-10)
    np.testing.assert_allclose(log_probs_of(tempered(q, 1.0), x), log_probs_of(q, x), rtol=1e-12)
    law = jax.nn.softmax(2.0 * jax.nn.log_softmax(q.logits(x[5])), axis=-1)
    np.testing.assert_allclose(jax.nn.softmax(cold.logits(x[5]), axis=-1), law, rtol=1e-9)
    drawn = eqx.filter_jit(lambda q: draw(q, jax.random.key(0), 50))(cold)
    np.testing.assert_allclose(drawn.log_q, log_probs_of(cold, drawn.x), atol=1e-10)


def test_a_string_that_goes_on_after_its_end_is_none():
    q = GENERATORS["gru"]
    assert float(q.log_prob(jnp.array([0, END, 2, END]))) == -np.inf
    assert np.isfinite(float(q.log_prob(jnp.array([0, END, END, END]))))


def test_gradients_of_a_string_with_padding_are_finite():
    gradient = eqx.filter_grad(lambda q: q.log_prob(jnp.array([END, END, END, END])))(GENERATORS["transformer"])
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(gradient))


def test_wrong_sizes_are_refused():
    key = jax.random.key(0)
    with pytest.raises(ConfigError, match=r"expected an end token of the vocabulary, 0 \.\. 2, got 3"):
        gru(key, 4, 3, end=3)
    with pytest.raises(ConfigError, match="expected a sequence of two tokens or more"):
        lstm(key, 0, 3)
    with pytest.raises(ConfigError, match="expected one unit"):
        lstm(key, 3, 3, hidden=0)
    with pytest.raises(ConfigError, match="expected heads that divide the features"):
        transformer(key, 3, 3, features=6, num_heads=4)
    with pytest.raises(ConfigError, match="expected a head of 3 levels"):
        gru(key, 3, 3, hidden=4, head=categorical_head(4, 5))

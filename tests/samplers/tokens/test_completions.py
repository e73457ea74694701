"""Completions of prefixes: the prefix stays, and what is added follows the generator's own law given the prefix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.samplers.tokens.spaces import END, GENERATORS, LENGTH, VOCABULARY, every_array, generators, log_probs_of
from triality.samplers.tokens.completions import completed, completions
from triality.samplers.tokens.relaxed import relaxed_draw

NUM_DRAWS, FALSE_ALARM = 8_000, 1e-6
LONGER = generators(end=None, vocabulary=2, length=7)


def conditional_p_value(q, x, rows, num_given, vocabulary, length):
    """Chi-square of completions against the exact law of all strings that begin as x does."""
    space = every_array(vocabulary, length)
    begins = np.all(np.asarray(space)[:, :num_given] == np.asarray(x)[:num_given], axis=1)
    law = np.where(begins, np.exp(np.asarray(log_probs_of(q, space))), 0.0)
    law = law / law.sum()
    counts = np.bincount(np.ravel_multi_index(np.asarray(rows).T, (vocabulary,) * length), minlength=len(space))
    kept = len(rows) * law > 5
    observed, expected = np.append(counts[kept], counts[~kept].sum()), len(rows) * np.append(law[kept], max(law[~kept].sum(), 1e-12))
    return stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), kept.sum())


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_every_prefix_is_completed_by_its_own_law(name):
    """An odd length: some lanes are shared by two prefixes."""
    q, x = LONGER[name], jnp.array([1, 0, 1, 1, 0, 0, 1])
    rows, log_q = eqx.filter_jit(lambda q: jax.vmap(lambda key: completions(key, q, x))(jax.random.split(jax.random.key(0), NUM_DRAWS)))(q)
    assert rows.shape == (NUM_DRAWS, 6, 7)
    for n in range(1, 7):
        np.testing.assert_array_equal(rows[:, n - 1, :n], np.broadcast_to(x[:n], (NUM_DRAWS, n)))
        assert conditional_p_value(q, x, rows[:, n - 1], n, 2, 7) > FALSE_ALARM
    # The control: given one token fewer the law is another.
    assert conditional_p_value(q, x, rows[:, 0], 2, 2, 7) < FALSE_ALARM
    before = np.asarray(jnp.cumsum(q.token_log_probs(x)))[:-1]
    np.testing.assert_allclose(before + np.asarray(log_q[0]), log_probs_of(q, rows[0]), atol=1e-9)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_what_has_ended_stays_ended(name):
    q, x = GENERATORS[name], jnp.array([2, END, END, END])
    rows, log_q = completions(jax.random.key(0), q, x)
    np.testing.assert_array_equal(rows[1:], np.broadcast_to(x, (2, LENGTH)))
    np.testing.assert_array_equal(log_q[1:], 0.0)
    keys = jax.random.split(jax.random.key(1), NUM_DRAWS)
    rows, _ = eqx.filter_jit(lambda q: jax.vmap(lambda key: completions(key, q, x))(keys))(q)
    assert conditional_p_value(q, x, rows[:, 0], 1, VOCABULARY, LENGTH) > FALSE_ALARM


@pytest.mark.parametrize("num_given", [0, 2, LENGTH])
def test_one_prefix_is_completed_by_its_own_law(num_given):
    q, x = GENERATORS["lstm"], jnp.array([0, 2, 0, 2])
    keys = jax.random.split(jax.random.key(2), NUM_DRAWS)
    rows = eqx.filter_jit(lambda q: jax.vmap(lambda key: completed(key, q, x, num_given))(keys))(q)
    assert conditional_p_value(q, x, rows, num_given, VOCABULARY, LENGTH) > FALSE_ALARM


def test_a_sequence_of_one_token_has_no_prefix():
    q = generators(end=None, vocabulary=3, length=1)["gru"]
    assert completions(jax.random.key(0), q, jnp.array([2])).x.shape == (0, 1)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_relaxed_draws_that_are_handed_on_as_tokens_follow_the_law(name):
    q = GENERATORS[name]
    keys = jax.random.split(jax.random.key(3), NUM_DRAWS)
    rows, log_q = eqx.filter_jit(lambda q: jax.vmap(lambda key: relaxed_draw(key, q, 0.7, straight_through=True))(keys))(q)
    x = jnp.argmax(rows, axis=-1)
    np.testing.assert_allclose(log_q, log_probs_of(q, x), atol=1e-9)
    assert conditional_p_value(q, x[0], x, 0, VOCABULARY, LENGTH) > FALSE_ALARM
    soft, _ = relaxed_draw(keys[0], q, 0.7)
    np.testing.assert_allclose(jnp.sum(soft, axis=-1), 1.0, rtol=1e-9)

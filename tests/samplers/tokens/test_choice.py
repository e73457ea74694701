"""A token by one uniform number: its law is the softmax, also where a vocabulary has holes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.samplers.tokens.choice import _first_above, draw_token, log_share

NUM_DRAWS, FALSE_ALARM = 50_000, 1e-6


def p_value(counts, probabilities):
    expected = NUM_DRAWS * probabilities
    kept = expected > 5
    pooled = np.append(counts[kept], counts[~kept].sum()), np.append(expected[kept], max(expected[~kept].sum(), 1e-9))
    return stats.chi2.sf(np.sum((pooled[0] - pooled[1]) ** 2 / pooled[1]), kept.sum())


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 200])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_tokens_follow_the_softmax(size, dtype):
    logits = (1.5 * jax.random.normal(jax.random.key(size), (size,))).astype(dtype)
    tokens, log_q = jax.jit(jax.vmap(lambda key: draw_token(key, logits)))(jax.random.split(jax.random.key(1), NUM_DRAWS))
    assert log_q.dtype == dtype
    np.testing.assert_allclose(log_q, jax.nn.log_softmax(logits)[tokens], atol=1e-5 if dtype == jnp.float32 else 1e-12)
    counts, law = np.bincount(tokens, minlength=size), np.asarray(jax.nn.softmax(logits.astype(jnp.float64)))
    assert p_value(counts, law) > FALSE_ALARM
    assert size < 3 or p_value(np.roll(counts, 1), law) < FALSE_ALARM  # the control: the neighbors' counts do not fit


def test_what_cannot_be_drawn_never_is():
    """At the ends, inside a block, and a whole block; and where rounding leaves nothing above the target, the last that has mass."""
    logits = jnp.where(jnp.isin(jnp.arange(30), jnp.array([7, 8, 19])), 0.1 * jnp.arange(30.0), -jnp.inf)
    tokens, log_q = jax.vmap(lambda key: draw_token(key, logits))(jax.random.split(jax.random.key(0), 5000))
    assert set(np.asarray(tokens)) == {7, 8, 19}
    assert np.all(np.isfinite(log_q))
    up_to = jnp.array([0.0, 0.25, 0.25, 1.0, 1.0])
    assert [int(_first_above(up_to, jnp.array(target))) for target in (0.0, 0.25, 1.0, 1.1)] == [1, 3, 3, 3]


def test_logits_of_any_size_are_exact():
    token, log_q = draw_token(jax.random.key(0), jnp.array([-1e5, 1e5, 0.0]))
    assert (int(token), float(log_q)) == (1, 0.0)


def test_share_of_a_token_that_does_not_exist_is_zero():
    logits = jnp.array([0.3, -1.0])
    np.testing.assert_allclose(jax.vmap(lambda t: log_share(logits, t))(jnp.arange(2)), jax.nn.log_softmax(logits), rtol=1e-12)
    assert [float(log_share(logits, jnp.array(bad))) for bad in (-1, 2)] == [-np.inf, -np.inf]
    assert np.all(np.isfinite(jax.grad(lambda logits: jnp.where(False, log_share(logits, jnp.array(5)), 0.0))(logits)))

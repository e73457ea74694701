"""log sum exp along a stream, against all numbers at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from triality.running_log_sum import RunningLogSum, empty_log_sum

INF = np.inf


def streamed(numbers):
    return jax.lax.scan(lambda seen, v: (seen.add(v), None), empty_log_sum(), numbers)[0]


@pytest.mark.parametrize(
    "numbers",
    [
        [0.0, 1.0, -2.0],
        [-800.0, 900.0, 899.0, -INF],
        [900.0, -900.0, 900.0],
        [-INF, -INF],
        [-INF, 3.0],
        [1.0, INF, 2.0],
        [-1e6, -1e6 + 1.0],
    ],
)
def test_as_of_all_at_once(numbers):
    seen = jax.jit(streamed)(jnp.array(numbers))
    np.testing.assert_allclose(seen.value, logsumexp(numbers), rtol=1e-13)


def test_nan_is_not_lost():
    assert np.isnan(streamed(jnp.array([1.0, jnp.nan, 2.0])).value)


def test_parts_summed_apart_are_those_of_the_whole():
    numbers = 50.0 * jax.random.normal(jax.random.key(0), (4, 25))
    parts = jax.jit(jax.vmap(streamed))(numbers)
    first, rest = RunningLogSum(*(leaf[0] for leaf in parts)), [RunningLogSum(*(leaf[i] for leaf in parts)) for i in (1, 2, 3)]
    for part in rest:
        first = first.together(part)
    np.testing.assert_allclose(first.value, logsumexp(np.asarray(numbers)), rtol=1e-14)
    # The broken twin: sums of exponentials around each part's own largest number, added as they are.
    assert abs(float(jnp.max(parts.highest) + jnp.log(jnp.sum(parts.share))) - logsumexp(np.asarray(numbers))) > 1e-3


def test_a_long_stream_in_float32():
    """A hundred thousand numbers around a thousand nats, of which a plain sum of exponentials overflows at the first."""
    numbers = 1000.0 + jax.random.normal(jax.random.key(1), (100_000,), jnp.float32)
    seen = jax.jit(lambda v: jax.lax.scan(lambda s, x: (s.add(x), None), empty_log_sum(dtype=jnp.float32), v)[0])(numbers)
    assert seen.share.dtype == jnp.float32
    np.testing.assert_allclose(seen.value, logsumexp(np.asarray(numbers, float)), rtol=1e-6)
    assert not np.isfinite(np.log(np.sum(np.exp(np.asarray(numbers)))))


def test_the_gradient_is_the_share_of_each_number():
    numbers = jnp.array([0.3, 700.0, 699.0, -jnp.inf])
    gradient = jax.jit(jax.grad(lambda v: streamed(v).value))(numbers)
    np.testing.assert_allclose(gradient, np.asarray(jax.nn.softmax(numbers)), atol=1e-14)

"""Orders for minibatches: every index once, and blocks that are as random as draws without replacement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.shuffling import MOST, order_for_blocks

SIZE, BLOCKS, REPEATS = 60, 4, 4000


@pytest.mark.parametrize("size", [1, 2, 3, 64, 65, 1000])
def test_every_index_comes_once(size):
    assert sorted(order_for_blocks(jax.random.key(1), size).tolist()) == list(range(size))


def test_an_index_is_in_any_block_alike_and_two_are_together_as_often_as_by_chance():
    orders = np.asarray(jax.jit(jax.vmap(lambda key: order_for_blocks(key, SIZE)))(jax.random.split(jax.random.key(2), REPEATS)))
    block = np.argsort(orders, axis=1) // (SIZE // BLOCKS)
    error = np.sqrt((1 / BLOCKS) * (1 - 1 / BLOCKS) / REPEATS)
    for each in range(BLOCKS):
        assert np.abs((block == each).mean(axis=0) - 1 / BLOCKS).max() < 5 * error
    together = (SIZE // BLOCKS - 1) / (SIZE - 1)
    for other in (1, 2, SIZE - 1):  # the next one too, which equal upper bits would leave beside it
        share = (block[:, 0] == block[:, other]).mean()
        assert abs(share - together) < 5 * np.sqrt(together * (1 - together) / REPEATS)


def test_the_broken_twin_of_too_few_upper_bits_is_seen():
    """With two random bits above, neighbors stay together far more often than by chance."""
    bits = jax.random.bits(jax.random.key(3), (REPEATS, SIZE), jnp.uint32) >> 30
    orders = np.argsort(np.asarray(bits), axis=1, kind="stable")
    block = np.argsort(orders, axis=1) // (SIZE // BLOCKS)
    together = (SIZE // BLOCKS - 1) / (SIZE - 1)
    share = (block[:, 29] == block[:, 30]).mean() + (block[:, 0] == block[:, 1]).mean()
    assert abs(share / 2 - together) > 5 * np.sqrt(together * (1 - together) / REPEATS)


def test_more_than_the_bits_can_shuffle_is_refused():
    with pytest.raises(ConfigError, match="expected at most 16,777,216 steps"):
        order_for_blocks(jax.random.key(0), MOST + 1)

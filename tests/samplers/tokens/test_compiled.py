"""What the compiler makes of a generator's gradients as they are used: optimized, at the default sizes, of several generators at once.

The fast tests compile without optimization. With it, XLA for CPUs was seen to make wrong programs of some sizes (never of these).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from triality.samplers.tokens.token_sampler import gru, lstm, transformer

LENGTH, VOCABULARY, NUM_SEEDS, NUM_STRINGS = 20, 50, 3, 16
MAKERS = {"gru": gru, "lstm": lstm, "transformer": transformer}


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "rtol"), [(jnp.float32, 1e-4), (jnp.float64, 1e-10)], ids=["float32", "float64"])
@pytest.mark.parametrize("name", MAKERS)
def test_gradients_of_several_at_once_are_those_of_each(name, dtype, rtol):
    """``vmap`` over seeds against one at a time; the twin holds a gradient against another seed's."""
    keys = jax.random.split(jax.random.key(0), NUM_SEEDS)
    made = eqx.filter_vmap(lambda key: MAKERS[name](key, LENGTH, VOCABULARY))(keys)
    noise = jax.random.key(1)
    moved = jax.tree.map(lambda leaf: (leaf + 0.1 * jax.random.normal(noise, leaf.shape)).astype(dtype) if is_number(leaf) else leaf, made)
    x = jax.random.randint(jax.random.key(2), (NUM_SEEDS, NUM_STRINGS, LENGTH), 0, VOCABULARY)
    weights = jax.random.normal(jax.random.key(3), x.shape).astype(dtype)

    def gradient(q, x, weights):
        return eqx.filter_grad(lambda q: jnp.sum(weights * jax.vmap(q.token_log_probs)(x)))(q)

    together, one = eqx.filter_jit(eqx.filter_vmap(gradient))(moved, x, weights), eqx.filter_jit(gradient)
    for seed in range(NUM_SEEDS):
        alone = one(jax.tree.map(lambda leaf, seed=seed: leaf[seed] if eqx.is_array(leaf) else leaf, moved), x[seed], weights[seed])
        assert furthest(together, alone, seed) < rtol
        assert furthest(together, alone, (seed + 1) % NUM_SEEDS) > 0.1


def is_number(leaf):
    return eqx.is_inexact_array(leaf)


def furthest(together, alone, seed):
    """Of any leaf, as a share of its largest value."""
    pairs = zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True)
    return max(float(jnp.max(jnp.abs(many[seed] - one)) / jnp.max(jnp.abs(one))) for many, one in pairs if jnp.max(jnp.abs(one)) > 0)

"""Small spaces of sequences in which everything can be enumerated, and generators away from where they begin."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.samplers.tokens.token_sampler import gru, lstm, transformer

VOCABULARY, LENGTH, END = 3, 4, 1


def shaken(tree, size=0.7, seed=0):
    """Parameters away from where they begin, so that no law holds for a trivial reason."""
    leaves, structure = jax.tree.flatten(eqx.filter(tree, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + size * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), tree)


def every_array(vocabulary=VOCABULARY, length=LENGTH):
    axes = np.meshgrid(*[np.arange(vocabulary)] * length, indexing="ij")
    return jnp.asarray(np.stack(axes, axis=-1).reshape(-1, length))


def every_string(vocabulary=VOCABULARY, length=LENGTH, end=END):
    """One array for each string of at most ``length`` tokens."""
    x = np.asarray(every_array(vocabulary, length))
    if end is None:
        return jnp.asarray(x)
    ended = np.cumsum(x == end, axis=1) - (x == end) > 0
    return jnp.asarray(x[np.all(~ended | (x == end), axis=1)])


def generators(end=END, vocabulary=VOCABULARY, length=LENGTH):
    return {
        "gru": shaken(gru(jax.random.key(1), length, vocabulary, hidden=5, inputs=4, end=end)),
        "lstm": shaken(lstm(jax.random.key(2), length, vocabulary, hidden=5, inputs=4, end=end)),
        "transformer": shaken(transformer(jax.random.key(3), length, vocabulary, features=6, num_blocks=2, num_heads=2, end=end), 0.4),
    }


GENERATORS = generators()
log_probs_of = eqx.filter_jit(lambda q, x: jax.vmap(q.log_prob)(x))

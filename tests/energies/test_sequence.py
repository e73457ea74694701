"""Energies of sequences: padding does not matter, relaxed rows that are tokens are scored as tokens, and there is no constant to learn."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.samplers.tokens.spaces import every_string, shaken
from triality.energies.sequence import attentive_sequence_energy, convolutional_sequence_energy, token_energy
from triality.energies.tilted_sequence import TiltedSequenceEnergy
from triality.errors import ConfigError
from triality.samplers.tokens.token_sampler import gru

V, LENGTH, END = 4, 6, 2
KEY = jax.random.key(0)
ENERGIES = {
    "convolutional": shaken(convolutional_sequence_energy(KEY, V, LENGTH, inputs=3, widths=(1, 2, 3, 9), num_filters=5, hidden=6, end=END)),
    "attentive": shaken(attentive_sequence_energy(KEY, V, LENGTH, features=6, num_blocks=2, num_heads=2, end=END)),
    "by token": shaken(token_energy(KEY, V, inputs=3, hidden=5, end=END)),
}
STRINGS = every_string(V, LENGTH, END)


@pytest.mark.parametrize("name", ENERGIES)
def test_what_follows_the_end_does_not_matter(name):
    energy = ENERGIES[name]
    ended = jnp.array([0, 3, END, END, END, END])
    other = ended.at[3:].set(jnp.array([1, 0, 3]))
    assert float(energy(ended)) == pytest.approx(float(energy(other)), abs=1e-12)
    assert abs(float(energy(ended)) - float(energy(ended.at[1].set(0)))) > 1e-4  # the control: what precedes it does


@pytest.mark.parametrize("name", ENERGIES)
def test_strings_are_told_apart(name):
    energies = np.asarray(jax.jit(jax.vmap(ENERGIES[name]))(STRINGS[:300]))
    assert len(np.unique(energies.round(9))) > 0.7 * len(energies)  # of the largest responses some strings share all


@pytest.mark.parametrize("name", ENERGIES)
def test_rows_that_are_tokens_are_scored_as_tokens(name):
    energy = ENERGIES[name]
    x = STRINGS[::97]
    np.testing.assert_allclose(jax.vmap(energy.relaxed)(jax.nn.one_hot(x, V)), jax.vmap(energy)(x), rtol=1e-10)
    gradient = jax.grad(energy.relaxed)(jax.nn.one_hot(x[3], V))
    assert np.all(np.isfinite(gradient))
    assert np.any(gradient != 0)


def test_summands_add_up():
    energy = ENERGIES["by token"]
    each = jax.vmap(energy.by_token)(STRINGS[::50])
    np.testing.assert_allclose(jnp.sum(each, axis=-1), jax.vmap(energy)(STRINGS[::50]), rtol=1e-12)
    with pytest.raises(ConfigError, match="expected an energy that is a sum over tokens, got a body AttentiveBody"):
        ENERGIES["attentive"].by_token(STRINGS[0])


def test_a_tilt_of_a_generator_keeps_all_three_forms():
    """As a function, as summands, and of rows that are tokens; no gradient reaches the generator."""
    q = shaken(gru(KEY, LENGTH, V, hidden=5, inputs=3, end=END))
    energy = TiltedSequenceEnergy(q, ENERGIES["by token"])
    x = STRINGS[::61]
    wanted = jax.vmap(ENERGIES["by token"])(x) - jax.vmap(q.log_prob)(x)
    np.testing.assert_allclose(jax.vmap(energy)(x), wanted, rtol=1e-10)
    np.testing.assert_allclose(jnp.sum(jax.vmap(energy.by_token)(x), axis=-1), wanted, rtol=1e-10)
    np.testing.assert_allclose(jax.vmap(energy.relaxed)(jax.nn.one_hot(x, V)), wanted, rtol=1e-10)
    gradient = eqx.filter_grad(lambda energy: energy(x[3]))(energy)
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(gradient.sampler))
    assert any(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(gradient.tilt))


def test_a_causal_summand_sees_only_what_was_read():
    energy, x = ENERGIES["by token"], jnp.array([0, 3, 1, 0, 3, 1])
    moved = energy.by_token(x.at[3].set(1)) != energy.by_token(x)
    assert moved.tolist() == [False, False, False, True, True, True]


@pytest.mark.parametrize("make", [convolutional_sequence_energy, attentive_sequence_energy])
def test_energies_begin_nearly_flat(make):
    energies = jax.vmap(make(KEY, V, LENGTH, end=END))(STRINGS[:200])
    assert float(jnp.std(energies)) < 0.5

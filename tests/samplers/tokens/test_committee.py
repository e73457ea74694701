"""Several generators as one: a law, the mean of the members' conditionals, and no worse than their mean."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.samplers.tokens.spaces import END, GENERATORS, LENGTH, every_string, log_probs_of, shaken
from triality.errors import ConfigError
from triality.sampler import draw
from triality.samplers.tokens.committee import committee
from triality.samplers.tokens.token_sampler import gru

STRINGS = every_string()


@pytest.mark.parametrize("name", GENERATORS)
def test_it_is_the_mean_of_the_conditionals(name):
    members = [shaken(GENERATORS[name], 0.5, seed) for seed in (1, 2, 3)]
    q = committee(members)
    x = jnp.array([2, 0, 2, END])
    law = jnp.mean(jnp.stack([jax.nn.softmax(each.logits(x), axis=-1) for each in members]), axis=0)
    np.testing.assert_allclose(jax.nn.softmax(q.logits(x), axis=-1), law, rtol=1e-9)
    np.testing.assert_allclose(jax.nn.logsumexp(log_probs_of(q, STRINGS)), 0.0, atol=1e-10)
    assert q.core.over(q.inputs(x)).shape == (LENGTH, q.core.num_features)
    drawn = eqx.filter_jit(lambda q: draw(q, jax.random.key(0), 100))(q)
    np.testing.assert_allclose(drawn.log_q, log_probs_of(q, drawn.x), atol=1e-9)
    apart = jnp.stack([log_probs_of(each, STRINGS) for each in members])
    assert np.all(np.asarray(log_probs_of(q, STRINGS)) >= np.mean(apart, axis=0) - 1e-12)  # Jensen, token by token
    mixture = jax.nn.logsumexp(apart, axis=0) - jnp.log(3)
    assert float(jnp.max(jnp.abs(mixture - log_probs_of(q, STRINGS)))) > 1e-3  # the control: not the mean of sequences


def test_members_of_other_shapes_are_refused():
    with pytest.raises(ConfigError, match="expected members of one architecture"):
        committee([GENERATORS["gru"], gru(jax.random.key(0), LENGTH, 3, hidden=6, inputs=4, end=END)])
    with pytest.raises(ConfigError, match="expected one member or more"):
        committee([])

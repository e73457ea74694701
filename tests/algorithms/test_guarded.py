"""F33: a step that gives NaN is not taken, the state stays finite, and what failed can be seen again."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.guarded import LIMIT, Guarded, before_failure, names_of_bad, refuse_failing
from triality.errors import NonFiniteError
from triality.run import over_seeds, run
from triality.sampler import Samples


class State(NamedTuple):
    weight: jax.Array
    log_weight: jax.Array
    remembered: Samples
    key: jax.Array
    name: Any = "a leaf that is no array"


class Walk(eqx.Module):
    """Adds a random number; where it is above ``limit``, what ``broken`` says."""

    limit: jax.Array
    broken: jax.Array

    def step(self, state):
        key, of_step = jax.random.split(state.key)
        drawn = jax.random.normal(of_step)
        is_bad = drawn > self.limit
        weight = state.weight + jnp.where(is_bad, self.broken, drawn)
        remembered = state.remembered._replace(log_q=state.remembered.log_q - jnp.inf)
        return State(weight, state.log_weight, remembered, key), {"drawn": drawn}


def first(seed=0):
    samples = Samples.unweighted(jnp.zeros((3, 1)), jnp.zeros(3))
    return State(jnp.zeros(2), jnp.array([0.0, -jnp.inf]), samples, jax.random.key(seed))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_only_the_bad_steps_are_skipped(broken):
    """The same as adding the numbers that are not above the limit; infinite log weights and densities are legal where they were."""
    guarded = Guarded(Walk(jnp.array(1.0), jnp.array(broken)))
    state, metrics, _ = eqx.filter_jit(lambda s: run(guarded, s, 1, 50))(guarded.init(first()))
    drawn = np.asarray(metrics["drawn"][0])
    assert 0 < np.sum(drawn > 1.0) == int(state.skipped)
    assert len(np.unique(drawn)) == len(drawn)  # a step that was skipped is followed by another, not by itself
    np.testing.assert_allclose(state.state.weight, np.full(2, drawn[drawn <= 1.0].sum()), rtol=1e-12)
    assert np.asarray(state.state.log_weight).tolist() == [0.0, -np.inf]
    assert state.state.name == "a leaf that is no array"


def test_without_bad_steps_nothing_is_changed_by_a_bit():
    plain, guarded = Walk(jnp.array(jnp.inf), jnp.array(0.0)), Guarded(Walk(jnp.array(jnp.inf), jnp.array(0.0)))
    expected, _, _ = eqx.filter_jit(lambda s: run(plain, s, 1, 20))(first())
    state, _, _ = eqx.filter_jit(lambda s: run(guarded, s, 1, 20))(guarded.init(first()))
    assert np.asarray(state.state.weight).tobytes() == np.asarray(expected.weight).tobytes()
    assert int(state.skipped) == 0


def test_a_row_of_failures_ends_it_and_the_step_can_be_seen_again():
    walk = Walk(jnp.array(-jnp.inf), jnp.array(jnp.nan))
    guarded = Guarded(walk)
    state = guarded.init(first())
    for _ in range(LIMIT - 1):
        state, _ = guarded.step(state)
    refuse_failing(state, "steps 1-2", "lower the rate")
    state, _ = guarded.step(state)
    with pytest.raises(
        NonFiniteError, match=r"got NaN or infinity in \.weight 3 times in a row within steps 1-3; lower the rate"
    ) as caught:
        refuse_failing(state, "steps 1-3", "lower the rate")
    assert caught.value.names == names_of_bad(state) == [".weight"]
    again = caught.value.failing
    np.testing.assert_array_equal(again.weight, np.zeros(2))
    # The first failure, not the last: its key gives the same number that went wrong then.
    np.testing.assert_array_equal(jax.random.key_data(again.key), jax.random.key_data(first().key))
    assert np.isnan(np.asarray(walk.step(before_failure(state))[0].weight)).all()
    # The broken twin: the key of now, whose step has not been tried.
    assert not np.array_equal(jax.random.key_data(state.state.key), jax.random.key_data(again.key))


def test_of_several_seeds_each_skips_its_own():
    guarded = Guarded(Walk(jnp.array(0.5), jnp.array(jnp.nan)))
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(first(seed)._replace(name=jnp.zeros(())) for seed in range(3)))

    class Named(eqx.Module):
        walk: Walk

        def step(self, state):
            after, metrics = self.walk.step(state)
            return after._replace(name=state.name), metrics

    named = Guarded(Named(guarded.algorithm))
    state, metrics, _ = over_seeds(lambda a, s: run(a, s, 1, 12))(named, jax.vmap(named.init)(states))
    drawn = np.asarray(metrics["drawn"][:, 0])
    np.testing.assert_array_equal(state.skipped, np.sum(drawn > 0.5, axis=1))
    assert len(set(np.asarray(state.skipped).tolist())) > 1
    if np.max(state.in_row) < LIMIT:
        refuse_failing(state, "here", "do")


def test_the_seed_that_fails_is_the_one_that_is_told():
    guarded = Guarded(Walk(jnp.array(-jnp.inf), jnp.array(jnp.nan)))
    failing = guarded.init(first(5))
    for _ in range(LIMIT):
        failing, _ = guarded.step(failing)
    sound = guarded.init(first(6))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], sound, failing)
    with pytest.raises(NonFiniteError) as caught:
        refuse_failing(both, "here", "do")
    np.testing.assert_array_equal(jax.random.key_data(caught.value.failing.key), jax.random.key_data(jax.random.key(5)))

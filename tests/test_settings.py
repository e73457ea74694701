"""Algorithms that differ in numbers alone are one; those that differ in anything else are not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.run import in_blocks, over_settings, run
from triality.settings import are_equal, differ_in_numbers_alone, one_setting, settings_of


class Damped(eqx.Module):
    """x goes to its target, in steps that are not the same up and down; noisy."""

    rate: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    target: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    power: int = eqx.field(default=3, static=True)

    def step(self, state):
        x, key = state
        key, key_noise = jax.random.split(key)
        x = x + self.rate * jnp.tanh(self.target - x) ** self.power + 0.01 * jax.random.normal(key_noise)
        return (x, key), x


RATES = (0.9, 0.05, 0.4)


def states(num_rows):
    return jnp.linspace(-1.0, 2.0, num_rows), jax.vmap(jax.random.key)(jnp.arange(num_rows))


def test_what_is_the_same_in_all_is_shared():
    settings = settings_of([Damped(rate, 2.0) for rate in RATES])
    np.testing.assert_allclose(settings.varied.rate, RATES)
    assert settings.varied.target is None
    assert float(settings.shared.target) == 2.0
    assert settings.shared.rate is None
    assert [float(settings.of(row).rate) for row in range(3)] == pytest.approx(RATES)
    assert np.asarray(settings.repeated(2).varied.rate).tolist() == pytest.approx([rate for rate in RATES for _ in range(2)])
    assert jax.tree.leaves(one_setting(Damped(0.5, 2.0)).varied) == []


@pytest.mark.parametrize(
    "others",
    [Damped(0.5, 2.0, power=5), Damped(jnp.zeros(2), 2.0), Damped(jnp.array(1), 2.0), {"rate": 0.5}],
    ids=["static", "shape", "type", "class"],
)
def test_what_differs_in_more_than_numbers_is_refused(others):
    assert not differ_in_numbers_alone([Damped(0.5, 2.0), others])
    with pytest.raises(ConfigError, match=r"expected algorithms that differ in the values of their arrays alone, got 2 .*; run each by"):
        settings_of([Damped(0.5, 2.0), others])


def test_equal_algorithms_are_found_equal_whoever_made_them():
    assert are_equal([Damped(0.5, 2.0), Damped(0.5, 2.0)])
    assert not are_equal([Damped(0.5, 2.0), Damped(0.5, 2.5)])
    keys = [{"key": jax.random.key(seed)} for seed in (0, 0, 1)]
    assert are_equal(keys[:2])
    assert not are_equal(keys)


def test_every_row_is_the_run_alone():
    """Three settings of two seeds each; with the settings in another order nothing fits."""
    algorithms = [Damped(rate, 2.0) for rate in RATES]
    begun = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * 3), states(2))
    program = over_settings(lambda algorithm, state: run(algorithm, state, 1, 7)[0][0])
    together = program(settings_of(algorithms).repeated(2), begun)
    alone = [run(each, jax.tree.map(lambda leaf, s=s: leaf[s], states(2)), 1, 7)[0][0] for each in algorithms for s in range(2)]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)
    # The broken twin: points in another order.
    permuted = program(settings_of([algorithms[i] for i in (2, 0, 1)]).repeated(2), begun)
    assert np.abs(np.asarray(permuted) - alone).max() > 0.1


@pytest.mark.parametrize("at_once", [1, 2, 3, 6, 7, 100])
def test_blocks_change_no_number(at_once):
    """Seven rows, in blocks that divide them and in blocks that do not; bit for bit."""
    settings, begun = settings_of([Damped(0.1 * row, 2.0) for row in range(1, 8)]), states(7)

    def step(algorithm, state):
        return run(algorithm, state, 1, 5)[0]

    whole, blocks = over_settings(step)(settings, begun), over_settings(step, at_once)(settings, begun)
    assert np.asarray(whole[0]).tobytes() == np.asarray(blocks[0]).tobytes()
    assert jax.random.key_data(whole[1]).tolist() == jax.random.key_data(blocks[1]).tolist()


def test_blocks_are_as_equal_as_they_can_be_and_bounded():
    """Ten rows, four at once: blocks of four, four and two would hold as many as three of at most four, and compile one size more."""
    seen = []

    def sized(x):
        seen.append(1)
        return 2 * x

    assert in_blocks(sized, (jnp.arange(12),), 4).tolist() == list(range(0, 24, 2))
    assert len(seen) == 1
    text = str(jax.make_jaxpr(lambda x: in_blocks(lambda x: jnp.sin(x), (x,), 4))(jnp.zeros((10, 3))))
    assert "f32[10,3] = sin" not in text
    assert "f64[10,3] = sin" not in text


def test_what_is_no_array_goes_through_blocks():
    rows = {"x": jnp.arange(5.0), "name": "five"}
    out = in_blocks(lambda row: {"y": row["x"] + 1.0, "name": row["name"]}, (rows,), 2)
    assert out["name"] == "five"
    assert out["y"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_the_states_that_a_chunk_was_given_are_there_while_it_runs_and_after():
    """The run's keeper saves them where the chunk is stopped, or fails. Buffers that are donated are gone: the broken twin."""
    settings, begun = one_setting(Damped(0.5, 2.0)), states(3)

    def step(algorithm, state):
        return run(algorithm, state, 1, 2)[0]

    over_settings(step)(settings, begun)
    assert not any(leaf.is_deleted() for leaf in begun)
    assert np.asarray(begun[0]).tolist() == [-1.0, 0.5, 2.0]
    eqx.filter_jit(over_settings(step).__wrapped__, donate="all-except-first")(settings, begun)
    assert begun[0].is_deleted()

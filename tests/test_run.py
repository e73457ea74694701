"""The loop itself, on an algorithm that only counts: shapes, order, and that seeds and settings share one program."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.run import over_seeds, run


class Count(NamedTuple):
    total: Float[Array, ""]
    key: Key[Array, ""]


class Adder(eqx.Module):
    """Adds ``amount`` and a little noise."""

    amount: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def step(self, state: Count) -> tuple[Count, Float[Array, ""]]:
        key, key_noise = jax.random.split(state.key)
        return Count(state.total + self.amount + 1e-3 * jax.random.normal(key_noise), key), state.total


def first(seed: int) -> Count:
    return Count(jnp.zeros(()), jax.random.key(seed))


def by_hand(algorithm: Adder, state: Count, num_steps: int) -> list[Count]:
    states = [state]
    for _ in range(num_steps):
        states.append(algorithm.step(states[-1])[0])
    return states


def test_evaluations_come_after_their_steps():
    state, metrics, evaluations = jax.jit(lambda s: run(Adder(1.0), s, 3, 4, lambda s: s.total))(first(0))
    steps = by_hand(Adder(1.0), first(0), 12)
    assert metrics.shape == (3, 4)
    np.testing.assert_allclose(metrics.reshape(-1), [each.total for each in steps[:-1]], rtol=1e-12)
    np.testing.assert_allclose(evaluations, [steps[i].total for i in (4, 8, 12)], rtol=1e-12)
    assert float(state.total) == float(evaluations[-1])


def test_chunks_make_the_whole():
    """Two calls of two steps are one call of four, bit for bit."""
    go = jax.jit(lambda s, n: run(Adder(0.5), s, 1, n)[0], static_argnums=1)
    whole, parts = go(first(3), 4), go(go(first(3), 2), 2)
    assert float(whole.total) == float(parts.total)
    assert jax.random.key_data(whole.key).tolist() == jax.random.key_data(parts.key).tolist()


def test_every_seed_is_the_seed_alone():
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    states = Count(jnp.zeros(3), keys)
    together = over_seeds(lambda a, s: run(a, s, 1, 5)[0])(Adder(1.0), states)
    alone = [by_hand(Adder(1.0), first(seed), 5)[-1].total for seed in range(3)]
    np.testing.assert_allclose(together.total, alone, rtol=1e-12)
    assert len(set(np.asarray(together.total).tolist())) == 3


def test_another_setting_needs_no_new_program():
    traces = []

    def counted(algorithm: Adder, state: Count) -> Count:
        traces.append(1)
        return run(algorithm, state, 1, 2)[0]

    together = over_seeds(counted)
    states = Count(jnp.zeros(2), jax.random.split(jax.random.key(0)))
    assert float(together(Adder(1.0), states).total[0]) != float(together(Adder(2.0), states).total[0])
    assert len(traces) == 1


def test_settings_can_be_mapped_over():
    """A sweep: one axis of settings around the axis of seeds."""
    amounts = jnp.array([1.0, 10.0])
    sweep = eqx.filter_jit(eqx.filter_vmap(lambda a: run(Adder(a), first(0), 1, 3)[0].total))
    np.testing.assert_allclose(sweep(amounts), [by_hand(Adder(a), first(0), 3)[-1].total for a in (1.0, 10.0)], rtol=1e-12)

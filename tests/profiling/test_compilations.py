"""A deliberate recompilation is seen, and a run of several chunks has none."""

import equinox as eqx
import jax
import jax.numpy as jnp

from triality.profiling.compilations import Compilations
from triality.profiling.compile_cost import compile_cost
from triality.profiling.program_profile import run_chunks
from triality.run import over_seeds, run


class Decay(eqx.Module):
    """A step whose rate is a leaf."""

    rate: jax.Array

    def step(self, state):
        return state * self.rate, state


class Widening(eqx.Module):
    """A broken twin: what comes out has another type than what went in, so that the second chunk compiles anew."""

    def step(self, state):
        return state * 0.5, None


def test_another_shape_and_another_type_are_seen_and_a_repetition_is_not():
    double = jax.jit(lambda x: 2 * x)
    short, long, whole = jnp.ones(7), jnp.ones(8), jnp.ones(7, jnp.int32)
    with Compilations() as seen:
        double(short)
    with Compilations() as again:
        double(short)
    with Compilations() as shape:
        double(long)
    with Compilations() as kind:
        double(whole)
    assert [len(each.programs) for each in (seen, again, shape, kind)] == [1, 0, 1, 1]
    assert seen.num_traces > 0
    assert again.num_traces == 0
    assert seen.seconds["compile"] > 0


def test_nobody_counts_after_the_end():
    with Compilations() as seen:
        pass
    jax.jit(lambda x: 3 * x + 1)(jnp.ones(9))
    assert seen.programs == []


def test_chunks_of_a_run_compile_once():
    program = over_seeds(lambda algorithm, state: run(algorithm, state, 1, 5)[:2])
    state, chunks = run_chunks(program, Decay(jnp.array(0.5)), jnp.array([1.0, 2.0]), 5, 4)
    assert state.tolist() == [2.0**-20, 2.0**-19]
    assert chunks.recompiled == ()
    assert len(chunks.seconds.seconds) == 3


def test_a_chunk_that_gives_another_type_is_seen():
    def widened(algorithm, state):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), run(algorithm, state, 1, 5)[0]), None

    _, chunks = run_chunks(eqx.filter_jit(widened), Widening(), jnp.ones(2, jnp.float32), 5, 3)
    assert len(chunks.recompiled) == 1


def test_warm_is_read_from_the_cache_and_the_cache_of_before_is_back():
    before = jax.config.jax_compilation_cache_dir
    cost = compile_cost(lambda: jax.jit(lambda x: jnp.tanh(x) @ x.T).lower(jnp.ones((5, 5))))
    assert cost.cold >= cost.compile > 0
    assert cost.warm is not None
    assert jax.config.jax_compilation_cache_dir == before

"""Operations of loops, counted by hand: XLA's own count, which goes through each loop once, is the broken twin that must disagree."""

import jax
import jax.numpy as jnp
import pytest

from triality.profiling.operation_count import count_operations

SIDE, LENGTH, INNER = 24, 50, 6
PRODUCT = 2 * SIDE**3
X = jnp.ones((SIDE, SIDE), jnp.float32)


def compiled(function, *arguments):
    return jax.jit(function).lower(*arguments).compile()


def chain(x, length=LENGTH):
    """A product a step; nothing else is worth counting."""
    return jax.lax.scan(lambda y, _: (y @ x, None), x, None, length=length)[0]


def nested(x):
    return jax.lax.fori_loop(0, LENGTH, lambda _, y: chain(y, INNER), x)


def test_a_product_alone_is_counted_as_xla_counts_it():
    program = compiled(lambda x: x @ x, X)
    assert count_operations(program).operations == program.cost_analysis()["flops"] == PRODUCT


@pytest.mark.parametrize(("function", "products"), [(chain, LENGTH), (nested, LENGTH * INNER)], ids=["scan", "scan in a loop"])
def test_the_body_of_a_loop_counts_as_often_as_it_runs(function, products):
    program = compiled(function, X)
    count = count_operations(program)
    # What goes with it is the loop's own counting: a few additions and comparisons a round.
    assert products * PRODUCT <= count.operations < products * (PRODUCT + 20)
    assert count.unknown_loops == 0
    assert count.kernels >= products
    assert program.cost_analysis()["flops"] < 2 * PRODUCT  # the broken twin


def test_bytes_and_transcendentals_of_a_scan_grow_with_its_length_and_no_faster():
    def stacked(length):
        program = compiled(lambda x: jax.lax.scan(lambda y, _: (jnp.exp(-y), y), x, None, length=length)[1], jnp.ones(1000, jnp.float32))
        return count_operations(program)

    short, long = stacked(20), stacked(200)
    assert long.transcendentals == 10 * short.transcendentals == 200 * 1000
    # Each round reads and writes rows of 4,000 bytes, whatever the length of the stack that it writes into.
    assert 8 < long.bytes / short.bytes < 12
    assert 2 * 4000 * 200 <= long.bytes <= 8 * 4000 * 200


def test_of_a_branch_the_dearer_side_counts():
    def either(x, pick):
        return jax.lax.cond(pick, lambda x: chain(x, 30), lambda x: x, x)

    count = count_operations(compiled(either, X, jnp.array(True)))
    assert 30 * PRODUCT <= count.operations < 30 * (PRODUCT + 20) + 10


def test_a_loop_whose_end_nobody_knows_counts_once_and_is_told():
    def until_small(x):
        return jax.lax.while_loop(lambda y: jnp.sum(y) > 1.0, lambda y: 0.1 * (y @ x), x)

    count = count_operations(compiled(until_small, X))
    assert count.unknown_loops == 1
    assert PRODUCT <= count.operations < 2 * PRODUCT

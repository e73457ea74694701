"""What this machine can do, measured in the same process and with the same settings as what is held against it.

* **arithmetic**: the fastest float32 matrix product over a few sizes, 2 n^3 operations each. Nothing else comes near it.
* **bandwidth**: a <- s a + b over arrays of several sizes, two read and one written: 12 bytes an element. The smallest stay in the fastest
  cache, the largest are beyond all caches; a program is held against the rate at its own size.
* **half precision**: the same product in bfloat16, accumulated in float32. Where it is no faster, half the digits buy nothing.
* **start**: what starting one more small piece of work inside a compiled loop costs.

With one thread, as the command sets XLA up, these are limits of one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from triality.profiling.operation_count import count_operations
from triality.profiling.repeats import timed

SIDES = (256, 512, 1024, 2048)
"""Of square matrices."""
WORKING_SETS = tuple(2**power for power in range(15, 30, 2))
"""Bytes of both arrays together: 32 KiB to 512 MiB."""
LEAST_BYTES = 2**28
"""That a timed call moves, so that starting it is no part of the figure."""
NUM_STEPS = 20_000
"""Of the loop that does next to nothing."""


class Limits(NamedTuple):
    """Of a machine.

    Fields:
        operations_per_second: of the fastest matrix product.
        side: of the matrices that gave it.
        working_sets: bytes, ascending.
        bytes_per_second: at each of them.
        seconds_a_start: of one more small piece of work in a compiled loop.
        bfloat16_operations_per_second: of the fastest matrix product of half precision.

    Example:
        >>> limits = Limits(1e11, 1024, (1e4, 1e8), (4e10, 1e10), 1e-7, 2e11)
        >>> limits.bandwidth(1.0), limits.bandwidth(1e9), limits.bandwidth(1e6)
        (40000000000.0, 10000000000.0, 20000000000.0)
    """

    operations_per_second: float
    side: int
    working_sets: tuple[float, ...]
    bytes_per_second: tuple[float, ...]
    seconds_a_start: float
    bfloat16_operations_per_second: float

    def bandwidth(self, working_set: float) -> float:
        """Bytes a second of a program that touches so many bytes: between two sizes along a line in logarithms."""
        at = np.log(np.clip(working_set, self.working_sets[0], self.working_sets[-1]))
        return float(np.exp(np.interp(at, np.log(self.working_sets), np.log(self.bytes_per_second))).round(3))

    @property
    def memory_bandwidth(self) -> float:
        """Bytes a second beyond the caches."""
        return self.bytes_per_second[-1]


def measure_limits(sides: Sequence[int] = SIDES, working_sets: Sequence[int] = WORKING_SETS, num_repeats: int = 5) -> Limits:
    """The machine's limits; a few seconds.

    Args:
        sides: of the square matrices.
        working_sets: bytes of the two arrays together, ascending.
        num_repeats: of each measurement; the fastest counts, as this is about what the machine can do.
    """
    products, halves = ({side: _product_rate(side, precision, num_repeats) for side in sides} for precision in (jnp.float32, jnp.bfloat16))
    fastest = max(products, key=lambda side: products[side])
    rates = tuple(_bandwidth(size, num_repeats) for size in working_sets)
    start = _seconds_a_start(num_repeats)
    return Limits(products[fastest], fastest, tuple(map(float, working_sets)), rates, start, max(halves.values()))


def _product_rate(side: int, precision: DTypeLike, num_repeats: int) -> float:
    x = jax.random.normal(jax.random.key(0), (side, side), precision)
    program = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32)).lower(x, x).compile()
    return 2.0 * side**3 / _fastest(lambda: program(x, x), num_repeats)


def _bandwidth(working_set: int, num_repeats: int) -> float:
    """In place, a few passes in one call: small arrays are then in a cache from the second pass on."""
    size = working_set // 8
    passes = max(1, round(LEAST_BYTES / (12 * size)))

    def triad(a: jax.Array, b: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, passes, lambda _, a: 0.5 * a + b, a)

    a, b = jnp.ones(size, jnp.float32), jnp.full(size, 0.5, jnp.float32)
    program = jax.jit(triad).lower(a, b).compile()
    return 12.0 * size * passes / _fastest(lambda: program(a, b), num_repeats)


def _seconds_a_start(num_repeats: int) -> float:
    """A loop over products of a matrix of two rows: all that takes time is going on to the next."""
    x = jnp.eye(2, dtype=jnp.float32)
    loop = jax.jit(lambda x: jax.lax.fori_loop(0, NUM_STEPS, lambda _, y: jnp.sort(y @ x, axis=0), x))
    program = loop.lower(x).compile()
    return _fastest(lambda: program(x), num_repeats) / count_operations(program).kernels


def _fastest(call: Callable[[], object], num_repeats: int) -> float:
    return min(timed(call, num_repeats).seconds)

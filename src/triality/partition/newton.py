"""The one root-finder: Newton's method that cannot leave its bracket, inside ``jit``."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Newton takes about three steps; bisection alone would need log2(range / tolerance), under 100 in float64.
_MAX_STEPS = 200


ValueAndSlope = Callable[[Float[Array, ""]], tuple[Float[Array, ""], Float[Array, ""]]]


def with_slope(function: Callable[[Float[Array, ""]], Float[Array, ""]]) -> ValueAndSlope:
    """The function together with its derivative, where that is not written down."""
    return lambda point: jax.jvp(function, (point,), (jnp.ones_like(point),))


def bracketed_newton(
    value_and_slope: ValueAndSlope,
    start: Float[Array, ""],
    low: Float[Array, ""],
    high: Float[Array, ""],
    tolerance: Float[Array, ""],
) -> Float[Array, ""]:
    """Root of an increasing function in [low, high]: Newton's step where it stays inside and at least halves the last step, else bisection.

    Example:
        >>> import jax.numpy as jnp
        >>> x = bracketed_newton(with_slope(lambda x: x**3 - 2.0), *(jnp.array(value) for value in (1.9, 0.0, 2.0, 1e-12)))
        >>> round(float(x) ** 3, 5)
        2.0
    """

    def proceed(state):
        _, _, _, last, count = state
        return (jnp.abs(last) > tolerance) & (count < _MAX_STEPS)

    def step(state):
        low, high, point, last, count = state
        value, slope = value_and_slope(point)
        low = jnp.where(value <= 0, point, low)
        high = jnp.where(value >= 0, point, high)
        newton = point - value / slope
        good = (newton >= low) & (newton <= high) & (jnp.abs(newton - point) <= 0.5 * jnp.abs(last))
        following = jnp.where(good, newton, 0.5 * (low + high))
        return low, high, following, following - point, count + 1

    initial = (low, high, start, 2.0 * (high - low) + 2.0 * tolerance, jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(proceed, step, initial)[2]

"""Minimizes a smooth convex function plus weighted absolute values, over all parameters or the non-negative ones.

    min  f(theta) + sum_i l1_i |theta_i|          [theta >= lower]

by accelerated proximal gradient with backtracking (FISTA), restarted where momentum points uphill. Entries become exactly zero. The measure
of success is the largest entry of theta - prox(theta - grad f(theta)), which vanishes exactly at the optimum (the KKT conditions).

References: A. Beck and M. Teboulle 2009, SIAM J. Imaging Sciences 2(1); B. O'Donoghue and E. Candes 2015 for the restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from triality.errors import ConfigError

Smooth = Callable[[Float[Array, " features"]], Float[Array, ""]]


@dataclass(frozen=True)
class ProximalConfig:
    """When to stop.

    Args:
        max_num_steps: gradient steps.
        tolerance: on ``residual``, in the unit of the features. Below about 1e-4 it needs float64.
    """

    max_num_steps: int = 20_000
    tolerance: float = 1e-9

    def __post_init__(self) -> None:
        if self.max_num_steps < 1 or not self.tolerance > 0:
            raise ConfigError(f"expected max_num_steps >= 1 and tolerance > 0, got {self}; correct the option")


class ProximalResult(NamedTuple):
    """Where it ended.

    Fields:
        parameters: theta.
        objective: f plus the penalty.
        residual: largest entry of theta - prox(theta - grad f): zero exactly at the optimum.
        num_steps: gradient steps taken.
    """

    parameters: Float[Array, " features"]
    objective: Float[Array, ""]
    residual: Float[Array, ""]
    num_steps: Int[Array, ""]


def shrink(
    theta: Float[Array, " features"], threshold: Float[Array, " features"], lower: Float[Array, ""] | float = -jnp.inf
) -> Float[Array, " features"]:
    """The proximal map of threshold_i |theta_i| on theta >= lower, for a lower of 0 or -inf.

    Example:
        >>> shrink(jnp.array([3.0, -0.5, -3.0]), jnp.ones(3)).tolist(), shrink(jnp.array([3.0, -3.0]), jnp.ones(2), 0.0).tolist()
        ([2.0, 0.0, -2.0], [2.0, 0.0])
    """
    return jnp.maximum(jnp.where(jnp.abs(theta) > threshold, theta - jnp.sign(theta) * threshold, 0.0), lower)


@eqx.filter_jit
def minimize_with_l1(
    smooth: Smooth,
    initial: Float[Array, " features"],
    l1: Float[Array, " features"],
    lower: float = -jnp.inf,
    tolerance: float = 1e-9,
    max_num_steps: int = 20_000,
) -> ProximalResult:
    """Minimizes ``smooth(theta) + sum l1 |theta|`` on theta >= ``lower``.

    Args:
        smooth: convex, and a pytree (an ``eqx.Module``), so that a second call with the same shapes compiles nothing.
        initial: where to begin.
        l1: weight of each absolute value, >= 0.
        lower: 0 or -inf.
        tolerance: on the residual.
        max_num_steps: stop there in any case; ``residual`` tells.
    """
    value_and_gradient = jax.value_and_grad(smooth)

    def residual_of(theta):
        return jnp.max(jnp.abs(theta - shrink(theta - jax.grad(smooth)(theta), l1, lower)))

    def step(carry: _Carry) -> _Carry:
        value, gradient = value_and_gradient(carry.ahead)

        def moved(size):
            return shrink(carry.ahead - size * gradient, size * l1, lower)

        def too_long(size):
            move = moved(size) - carry.ahead
            bound = value + gradient @ move + move @ move / (2.0 * size)
            # Differences of values below rounding decide nothing: the slack keeps the step from shrinking at the optimum.
            return smooth(carry.ahead + move) > bound + 8.0 * jnp.finfo(value.dtype).eps * (1.0 + jnp.abs(value))

        size = jax.lax.while_loop(too_long, lambda size: 0.5 * size, 1.1 * carry.size)
        theta = moved(size)
        uphill = (carry.ahead - theta) @ (theta - carry.theta) > 0
        before = jnp.where(uphill, 1.0, carry.momentum)
        momentum = 0.5 * (1.0 + jnp.sqrt(1.0 + 4.0 * before**2))
        ahead = theta + jnp.where(uphill, 0.0, (before - 1.0) / momentum) * (theta - carry.theta)
        return _Carry(theta, ahead, momentum, size, residual_of(theta), carry.num_steps + 1)

    def unfinished(carry: _Carry) -> Bool[Array, ""]:
        return (carry.residual > tolerance) & (carry.num_steps < max_num_steps)

    one = jnp.ones((), initial.dtype)
    last = jax.lax.while_loop(unfinished, step, _Carry(initial, initial, one, one, residual_of(initial), jnp.array(0)))
    objective = smooth(last.theta) + jnp.sum(l1 * jnp.abs(last.theta))
    return ProximalResult(last.theta, objective, last.residual, last.num_steps)


class _Carry(NamedTuple):
    theta: Float[Array, " features"]
    ahead: Float[Array, " features"]
    momentum: Float[Array, ""]
    size: Float[Array, ""]
    residual: Float[Array, ""]
    num_steps: Int[Array, ""]
